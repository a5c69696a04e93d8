import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Report } from './finding.ts';
import type { Position } from './model.ts';
import { policySchema } from './schema.ts';
import type { Schema } from './schema-types.ts';
import { keyPositionOf, plainValue, type SourceMap, type SourceNode } from './source.ts';
import { nearest, suggest } from './suggest.ts';

/** Reports every place where a canonical document does not have the form of a policy. */
export function validateSchema(root: SourceMap, report: Report): void {
  const validate = compiledSchema();
  if (validate(plainValue(root))) return;
  for (const error of validate.errors ?? []) reportSchemaError(root, error, report);
}

let compiled: ValidateFunction | undefined;

function compiledSchema(): ValidateFunction {
  compiled ??= compileSchema();
  return compiled;
}

function compileSchema(): ValidateFunction {
  const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, ownProperties: true, code: { optimize: false } });
  ajv.addKeyword({
    keyword: 'notCompiled',
    schemaType: 'string',
    validate: (_hint: string, value: unknown) => isEmpty(value),
  });
  ajv.addKeyword({
    keyword: 'notCompiledValues',
    schemaType: 'object',
    validate: (hints: object, value: unknown) => typeof value !== 'string' || !Object.hasOwn(hints, value),
  });
  return ajv.compile(policySchema);
}

/** Values that say the same as leaving the field out. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === false || value === 0 || value === '') return true;
  if (typeof value !== 'object') return false;
  return Array.isArray(value) ? value.length === 0 : Object.values(value).every(isEmpty);
}

/** A place in a document and how to call it in a message. */
interface Place {
  readonly node: SourceNode;
  /** The key that holds the value; the value itself for items of a list. */
  readonly keyPosition: Position;
  readonly label: string;
}

function reportSchemaError(root: SourceMap, error: ErrorObject, report: Report): void {
  const translate = translations[error.keyword];
  if (translate === undefined) throw new Error(`the schema uses ${error.keyword}, which has no message`);
  translate(placeOf(root, error.instancePath), error, report);
}

type Translation = (place: Place, error: ErrorObject, report: Report) => void;

/** How each keyword of the schema is explained. */
const translations: Readonly<Record<string, Translation>> = {
  additionalProperties: reportUnknownField,
  required: reportMissingField,
  type: reportWrongType,
  enum: reportUnknownValue,
  minimum: reportOutOfRange,
  maximum: reportOutOfRange,
  minLength: ({ node, label }, _error, report) => {
    report.error(node.position, 'empty-value', `${capitalise(label)} must not be empty`);
  },
  notCompiled: ({ keyPosition, label }, error, report) => {
    report.error(keyPosition, 'not-compiled-yet', `${capitalise(label)} is not compiled yet`, String(error.schema));
  },
  notCompiledValues: reportNotCompiledValue,
};

/** Follows a JSON pointer that ajv made from the same document. */
function placeOf(root: SourceMap, pointer: string): Place {
  let place: Place = { node: root, keyPosition: root.position, label: 'the policy' };
  for (const part of pointer.split('/').slice(1)) {
    place = childPlace(place, part.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  return place;
}

function childPlace(parent: Place, key: string): Place {
  const { node } = parent;
  if (node.kind === 'list') {
    const item = node.items[Number(key)]!;
    return { node: item, keyPosition: item.position, label: `an item of ${parent.label}` };
  }
  if (node.kind === 'map') {
    const entry = node.entries.find((candidate) => candidate.key === key)!;
    return { node: entry.value, keyPosition: entry.keyPosition, label: JSON.stringify(key) };
  }
  throw new Error(`the document has no ${key}`);
}

function reportUnknownField(place: Place, error: ErrorObject, report: Report): void {
  const key: string = error.params['additionalProperty'];
  const known = Object.keys((error.parentSchema as Schema).properties ?? {});
  const near = suggest(key, known);
  const position = place.node.kind === 'map' ? keyPositionOf(place.node, key) : place.node.position;
  const message = `Unknown field ${JSON.stringify(key)} in ${place.label}`;
  report.error(position, 'unknown-field', message, near === '' ? `Fields here: ${known.join(', ')}.` : near);
}

/** When the field seems to be there under a wrong name, the unknown field is the mistake and was reported. */
function reportMissingField(place: Place, error: ErrorObject, report: Report): void {
  const missing: string = error.params['missingProperty'];
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

const typeNames: Readonly<Record<string, string>> = {
  object: 'a map',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  boolean: 'true or false',
};

function reportWrongType(place: Place, error: ErrorObject, report: Report): void {
  const type: string = error.params['type'];
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

function reportUnknownValue(place: Place, error: ErrorObject, report: Report): void {
  const allowed: readonly string[] = error.params['allowedValues'];
  if (place.node.kind !== 'scalar' || typeof place.node.value !== 'string') return;
  const { value, position } = place.node;
  const near = suggest(value, allowed);
  const message = `Unknown ${place.label.replaceAll('"', '')} ${JSON.stringify(shorten(value))}`;
  report.error(position, 'unknown-value', message, near === '' ? `Known: ${allowed.join(', ')}.` : near);
}

function reportOutOfRange(place: Place, error: ErrorObject, report: Report): void {
  const { minimum, maximum } = error.parentSchema as Schema;
  const bounds = maximum === undefined ? `${minimum} or more` : `from ${minimum} to ${maximum}`;
  const message = `${capitalise(place.label)} must be ${bounds}, not ${describe(place.node)}`;
  report.error(place.node.position, 'out-of-range', message);
}

function reportNotCompiledValue(place: Place, error: ErrorObject, report: Report): void {
  const value = String(error.data);
  const hints = error.schema as Readonly<Record<string, string>>;
  const message = `The ${place.label.replaceAll('"', '')} ${JSON.stringify(value)} is not compiled yet`;
  report.error(place.node.position, 'not-compiled-yet', message, hints[value]);
}

function capitalise(label: string): string {
  return label.charAt(0).toUpperCase() + label.slice(1);
}

function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 57)}...` : value;
}
