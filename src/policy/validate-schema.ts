import type { Report } from './finding.ts';
import { policySchema } from './schema.ts';
import type { Schema } from './schema-types.ts';
import { findViolations, type Keyword, type Place, type Violation } from './schema-violations.ts';
import { keyPositionOf, type SourceMap, type SourceNode } from './source.ts';
import { nearest, suggest } from './suggest.ts';

/** Reports every place where a canonical document does not have the form of a policy. */
export function validateSchema(root: SourceMap, report: Report): void {
  for (const violation of findViolations(root, policySchema)) {
    translations[violation.keyword](violation.place, violation, report);
  }
}

type Translation = (place: Place, violation: Violation, report: Report) => void;

/** How each keyword of the schema is explained. */
const translations: Readonly<Record<Keyword, Translation>> = {
  additionalProperties: reportUnknownField,
  required: reportMissingField,
  type: reportWrongType,
  enum: reportUnknownValue,
  minimum: reportOutOfRange,
  maximum: reportOutOfRange,
  minLength: ({ node, label }, _violation, report) => {
    report.error(node.position, 'empty-value', `${capitalise(label)} must not be empty`);
  },
  notCompiled: ({ keyPosition, label }, { schema }, report) => {
    report.error(keyPosition, 'not-compiled-yet', `${capitalise(label)} is not compiled yet`, schema.notCompiled);
  },
  notCompiledValues: reportNotCompiledValue,
};

function reportUnknownField(place: Place, { field: key, schema }: Violation, report: Report): void {
  const known = Object.keys(schema.properties ?? {});
  const near = suggest(key, known);
  const position = place.node.kind === 'map' ? keyPositionOf(place.node, key) : place.node.position;
  const message = `Unknown field ${JSON.stringify(key)} in ${place.label}`;
  report.error(position, 'unknown-field', message, near === '' ? `Fields here: ${known.join(', ')}.` : near);
}

/** When the field seems to be there under a wrong name, the unknown field is the mistake and was reported. */
function reportMissingField(place: Place, { field: missing }: Violation, report: Report): void {
  const keys = place.node.kind === 'map' ? place.node.entries.map((entry) => entry.key) : [];
  const known = new Set(Object.keys(policyFields));
  if (keys.some((key) => !known.has(key) && nearest(key, [missing]) !== undefined)) return;
  const message = `${capitalise(place.label)} lacks the field ${JSON.stringify(missing)}`;
  report.error(place.node.position, 'missing-field', message, `Add "${missing}".`);
}

/** Every field name of the language, to tell a mistyped field from another one. */
const policyFields: Readonly<Record<string, true>> = Object.fromEntries(
  fieldNames(policySchema).map((field) => [field, true] as const),
);

function fieldNames(schema: Schema): string[] {
  const below = [...Object.values(schema.properties ?? {}), ...Object.values(schema.definitions ?? {})];
  if (schema.items) below.push(schema.items);
  if (schema.additionalProperties) below.push(schema.additionalProperties);
  return [...Object.keys(schema.properties ?? {}), ...below.flatMap(fieldNames)];
}

const typeNames: Readonly<Record<NonNullable<Schema['type']>, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  boolean: 'true or false',
};

function reportWrongType(place: Place, { schema }: Violation, report: Report): void {
  const type = schema.type!;
  const message = `${capitalise(place.label)} must be ${typeNames[type]}, not ${describe(place.node)}`;
  report.error(place.node.position, 'wrong-type', message, typeHint(place.node, type));
}

function describe(node: SourceNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  if (node.value === null) return 'empty';
  return typeof node.value === 'string' ? `the string ${JSON.stringify(shorten(node.value))}` : node.text;
}

function typeHint(node: SourceNode, type: string): string {
  if (type === 'array') return 'Put "- " before each item.';
  if (node.kind !== 'scalar' || node.plain) return '';
  return type === 'integer' || type === 'boolean' ? 'Remove the quotes.' : '';
}

function reportUnknownValue(place: Place, { schema }: Violation, report: Report): void {
  const allowed = schema.enum!;
  if (place.node.kind !== 'scalar' || typeof place.node.value !== 'string') return;
  const { value, position } = place.node;
  const near = suggest(value, allowed);
  const message = `Unknown ${place.label.replaceAll('"', '')} ${JSON.stringify(shorten(value))}`;
  report.error(position, 'unknown-value', message, near === '' ? `Known: ${allowed.join(', ')}.` : near);
}

function reportOutOfRange(place: Place, { schema }: Violation, report: Report): void {
  const { minimum, maximum } = schema;
  const bounds = maximum === undefined ? `${minimum} or more` : `from ${minimum} to ${maximum}`;
  const message = `${capitalise(place.label)} must be ${bounds}, not ${describe(place.node)}`;
  report.error(place.node.position, 'out-of-range', message);
}

function reportNotCompiledValue(place: Place, { schema }: Violation, report: Report): void {
  const value = place.node.kind === 'scalar' ? String(place.node.value) : '';
  const message = `The ${place.label.replaceAll('"', '')} ${JSON.stringify(value)} is not compiled yet`;
  report.error(place.node.position, 'not-compiled-yet', message, schema.notCompiledValues![value]);
}

function capitalise(label: string): string {
  return label.charAt(0).toUpperCase() + label.slice(1);
}

function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 57)}...` : value;
}
