import type { Report } from './finding.ts';
import { parseInteger } from './integer-text.ts';
import { policySchema, resolveSchema } from './schema.ts';
import type { Schema } from './schema-types.ts';
import type { SourceEntry, SourceMap, SourceNode, SourceScalar } from './source.ts';

/**
 * Gives a document the form the schema describes: keys in their canonical case (`BTFPath` reads as `btfPath`), unquoted
 * scalars in the type that is expected (`0x10` as text where values are text, as 16 where a number is), and
 * empty fields (`selectors:` and nothing more) left out. What does not fit stays as it is, for the validation to report.
 */
export function canonicalise(root: SourceMap, report: Report): SourceMap {
  return canonicaliseMap(root, policySchema, report);
}

function canonicaliseNode(node: SourceNode, schema: Schema, report: Report): SourceNode {
  switch (node.kind) {
    case 'map':
      return canonicaliseMap(node, schema, report);
    case 'list':
      return canonicaliseList(node, schema, report);
    case 'scalar':
      return canonicaliseScalar(node, schema);
    default:
      return node satisfies never;
  }
}

function canonicaliseList(node: Extract<SourceNode, { kind: 'list' }>, schema: Schema, report: Report): SourceNode {
  if (schema.items === undefined) return node;
  const items = resolveSchema(schema.items);
  return { ...node, items: node.items.map((item) => canonicaliseNode(item, items, report)) };
}

function canonicaliseMap(map: SourceMap, schema: Schema, report: Report): SourceMap {
  const entries: SourceEntry[] = [];
  const seen = new Map<string, SourceEntry>();
  for (const entry of map.entries) {
    const key = canonicalKey(entry.key, schema);
    if (isEmptyScalar(entry.value) && Object.hasOwn(schema.properties ?? {}, key)) {
      // A required field that is empty is reported as missing.
      if (!schema.required?.includes(key)) reportEmpty(entry, key, report);
      continue;
    }
    const first = seen.get(key);
    if (first !== undefined) {
      const message = `${JSON.stringify(entry.key)} and ${JSON.stringify(first.key)} on line ${first.keyPosition.line} are the same field`;
      report.error(entry.keyPosition, 'duplicate-key', message, 'Keep one of the two.');
      continue;
    }
    seen.set(key, entry);
    entries.push({ ...entry, key, value: canonicaliseNode(entry.value, schemaOfKey(key, schema), report) });
  }
  return { ...map, entries };
}

function canonicalKey(key: string, schema: Schema): string {
  if (schema.properties === undefined || Object.hasOwn(schema.properties, key)) return key;
  const lower = key.toLowerCase();
  return Object.keys(schema.properties).find((known) => known.toLowerCase() === lower) ?? key;
}

const anySchema: Schema = {};

function schemaOfKey(key: string, schema: Schema): Schema {
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) {
    return resolveSchema(schema.properties[key]!);
  }
  return schema.additionalProperties ? resolveSchema(schema.additionalProperties) : anySchema;
}

function isEmptyScalar(node: SourceNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}

/** `podSelector: ~` is how policies say "no selector"; elsewhere something was probably forgotten. */
function reportEmpty(entry: SourceEntry, key: string, report: Report): void {
  if (key.endsWith('Selector') || key === 'creationTimestamp') return;
  const message = `${JSON.stringify(key)} is empty: the policy reads as if it was not there`;
  report.warning(entry.keyPosition, 'empty-field', message, 'Check the indentation of what follows, or remove it.');
}

function canonicaliseScalar(node: SourceScalar, schema: Schema): SourceScalar {
  if (!node.plain || node.value === null) return node;
  switch (schema.type) {
    case 'string':
      return { ...node, value: node.text };
    case 'integer':
      return { ...node, value: integerScalar(node) };
    case 'boolean':
      return { ...node, value: booleans.get(node.text.toLowerCase()) ?? node.value };
    default:
      return node;
  }
}

/** YAML reads `0755` as 755 and leaves `0b11` a string. */
function integerScalar(node: SourceScalar): SourceScalar['value'] {
  const number = parseInteger(node.text);
  return number === undefined ? node.value : Number(number);
}

/** Kubernetes' YAML reader knows the older words too. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['no', false],
  ['off', false],
]);
