import type { Position } from './model.ts';
import type { Schema } from './schema-types.ts';
import type { SourceMap, SourceNode } from './source.ts';

/** A place in a document and how to call it in a message. */
export interface Place {
  readonly node: SourceNode;
  /** The key that holds the value; the value itself for items of a list. */
  readonly keyPosition: Position;
  readonly label: string;
}

/** A keyword of the schema that a place does not satisfy. */
export interface Violation {
  readonly place: Place;
  readonly keyword: Keyword;
  /** Holds the keyword. */
  readonly schema: Schema;
  /** The unknown field for `additionalProperties`, the missing one for `required`; else empty. */
  readonly field: string;
}

export type Keyword = (typeof keywords)[number];

const keywords = [
  'type',
  'required',
  'additionalProperties',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'notCompiled',
  'notCompiledValues',
] as const;

/**
 * All places where a document does not satisfy a schema, with the meaning that JSON schema gives its keywords. The
 * schema is walked as it is: making a validator from it costs more than checking thousands of policies.
 */
export function findViolations(root: SourceMap, schema: Schema): Violation[] {
  const violations: Violation[] = [];
  const definitions = schema.definitions ?? {};
  walk({ node: root, keyPosition: root.position, label: 'the policy' }, schema);
  return violations;

  function walk(place: Place, written: Schema): void {
    if (written.$ref !== undefined) walk(place, definitions[written.$ref.slice('#/definitions/'.length)]!);
    for (const keyword of keywords) {
      if (written[keyword] === undefined) continue;
      for (const field of failures(place.node, keyword, written)) {
        violations.push({ place, keyword, schema: written, field });
      }
    }
    walkChildren(place, written);
  }

  function walkChildren(place: Place, { properties, additionalProperties, items }: Schema): void {
    const { node } = place;
    if (node.kind === 'map') {
      for (const { key, keyPosition, value } of node.entries) {
        const below = ownField(properties, key) ?? additionalProperties;
        if (below) walk({ node: value, keyPosition, label: JSON.stringify(key) }, below);
      }
    }
    if (node.kind === 'list' && items !== undefined) {
      for (const item of node.items) {
        walk({ node: item, keyPosition: item.position, label: `an item of ${place.label}` }, items);
      }
    }
  }
}

/** One entry for each failure: the field that is concerned, or nothing. */
function failures(node: SourceNode, keyword: Keyword, schema: Schema): string[] {
  if (keyword === 'required') return missingFields(node, schema.required!);
  if (keyword === 'additionalProperties') return unknownFields(node, schema);
  return satisfies(node, keyword, schema) ? [] : [''];
}

function missingFields(node: SourceNode, required: readonly string[]): string[] {
  if (node.kind !== 'map') return [];
  return required.filter((field) => !node.entries.some(({ key }) => key === field));
}

function unknownFields(node: SourceNode, { properties, additionalProperties }: Schema): string[] {
  if (node.kind !== 'map' || additionalProperties !== false) return [];
  return node.entries.map(({ key }) => key).filter((key) => ownField(properties, key) === undefined);
}

/** Whether a value satisfies a keyword; one that is for another type of value does not concern it. */
function satisfies(
  node: SourceNode,
  keyword: Exclude<Keyword, 'required' | 'additionalProperties'>,
  schema: Schema,
): boolean {
  const value = node.kind === 'scalar' ? node.value : undefined;
  switch (keyword) {
    case 'type':
      return isOfType(node, schema.type!);
    case 'enum':
      return schema.enum!.some((choice) => choice === value);
    case 'minimum':
      return typeof value !== 'number' || value >= schema.minimum!;
    case 'maximum':
      return typeof value !== 'number' || value <= schema.maximum!;
    case 'minLength':
      return typeof value !== 'string' || value.length >= schema.minLength!;
    case 'notCompiled':
      return isEmpty(node);
    case 'notCompiledValues':
      return typeof value !== 'string' || !Object.hasOwn(schema.notCompiledValues!, value);
    default:
      return keyword satisfies never;
  }
}

function isOfType(node: SourceNode, type: NonNullable<Schema['type']>): boolean {
  switch (type) {
    case 'object':
      return node.kind === 'map';
    case 'array':
      return node.kind === 'list';
    case 'integer':
      return node.kind === 'scalar' && Number.isInteger(node.value);
    case 'string':
    case 'boolean':
      return node.kind === 'scalar' && typeof node.value === type;
    default:
      return type satisfies never;
  }
}

/** Values that say the same as leaving the field out. */
function isEmpty(node: SourceNode): boolean {
  switch (node.kind) {
    case 'map':
      return node.entries.every(({ value }) => isEmpty(value));
    case 'list':
      return node.items.length === 0;
    case 'scalar':
      return node.value === null || node.value === false || node.value === 0 || node.value === '';
    default:
      return node satisfies never;
  }
}

function ownField(properties: Schema['properties'], key: string): Schema | undefined {
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}
