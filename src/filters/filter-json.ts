import { parseDocument } from 'yaml';
import { nearest } from '../policy/suggest.ts';
import { FilterError } from './filter-error.ts';
import { compileRegex } from './linear-regex.ts';

/** An object of a filter and where it stands: every complaint about it says so. */
export interface FilterObject {
  readonly values: Readonly<Record<string, unknown>>;
  /** `--export-allowlist: filter 2 (character 37)`, or what a request calls its filter. */
  readonly where: string;
}

/**
 * Splits the value of an option such as `--export-allowlist` into its JSON objects, which follow one another with
 * nothing but white space between them. Throws a FilterError.
 */
export function parseFilterList(option: string, text: string): FilterObject[] {
  const objects: FilterObject[] = [];
  for (let start = skipSpace(text, 0); start < text.length; start = skipSpace(text, start)) {
    const where = `${option}: filter ${objects.length + 1} (character ${start + 1})`;
    if (text[start] !== '{') throw new FilterError(`${where}: expected a JSON object, found ${quote(text[start]!)}`);
    const end = objectEnd(text, start);
    if (end === undefined) throw new FilterError(`${where}: the JSON object has no end`);
    objects.push({ values: parseObject(text.slice(start, end), where), where });
    start = end;
  }
  return objects;
}

/** Takes filters that came as objects, of a gRPC request for instance; `source` begins what is said of them. */
export function filterObjects(
  source: string,
  values: readonly Readonly<Record<string, unknown>>[],
): readonly FilterObject[] {
  return values.map((value, index) => ({ values: value, where: `${source}filter ${index + 1}` }));
}

/**
 * The fields of an object by their names in the API, `binary_regex`; `binaryRegex` is the same. Fields that are null, or
 * empty lists, are not there. Throws a FilterError for a field that the message does not have.
 */
export function knownFields<const Name extends string>(
  { values, where }: FilterObject,
  names: readonly Name[],
): Partial<Record<Name, unknown>> {
  const fields: Partial<Record<Name, unknown>> = {};
  for (const [key, value] of Object.entries(values)) {
    const name = names.find((candidate) => candidate === key || camelCase(candidate) === key);
    if (name === undefined) throw new FilterError(`${where}: unknown field ${quote(key)}${suggestion(key, names)}`);
    if (Object.hasOwn(fields, name)) throw new FilterError(`${where}: field "${name}" is given twice`);
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    fields[name] = value;
  }
  return fields;
}

/** A list of strings; a string alone is not one. */
export function stringList(where: string, field: string, value: unknown): string[] {
  return elements(where, field, value, (item) => (typeof item === 'string' ? item : undefined), 'a string');
}

/** A list of regular expressions in RE2's syntax. */
export function regexList(where: string, field: string, value: unknown): RegExp[] {
  return stringList(where, field, value).map((pattern, index) => {
    try {
      return compileRegex(pattern);
    } catch (error) {
      const text = `${where}: field "${field}", value ${index + 1}: ${JSON.stringify(pattern)}`;
      throw new FilterError(`${text} is not a regular expression as RE2 has them: ${(error as Error).message}`);
    }
  });
}

/** A list of numbers from 0 to 2^32 - 1. */
export function pidList(where: string, field: string, value: unknown): number[] {
  const number = (item: unknown): number | undefined => {
    const result = typeof item === 'string' && /^\d+$/.test(item) ? Number(item) : item;
    return typeof result === 'number' && Number.isInteger(result) && result >= 0 && result < 2 ** 32
      ? result
      : undefined;
  };
  return elements(where, field, value, number, 'a process id');
}

/** A list of values of an enum, by name or by number. */
export function enumList(
  where: string,
  field: string,
  value: unknown,
  numbers: Readonly<Record<string, number>>,
): number[] {
  return elements(
    where,
    field,
    value,
    (item) => enumNumber(item, numbers),
    'one of its values',
    (item) => (typeof item === 'string' ? suggestion(item, Object.keys(numbers)) : ''),
  );
}

/** The number of a value of an enum given by name or by number; undefined when it has no such value. */
export function enumNumber(item: unknown, numbers: Readonly<Record<string, number>>): number | undefined {
  if (typeof item === 'string' && Object.hasOwn(numbers, item)) return numbers[item];
  return typeof item === 'number' && Object.values(numbers).includes(item) ? item : undefined;
}

/** A boolean, also in the shape of a message `BoolValue`. */
export function boolean(where: string, field: string, value: unknown): boolean {
  const bare =
    typeof value === 'object' && value !== null && 'value' in value ? (value as { value: unknown }).value : value;
  if (typeof bare !== 'boolean') throw new FilterError(`${where}: field "${field}" needs true or false`);
  return bare;
}

/** An object inside a filter. */
export function nestedObject(where: string, field: string, value: unknown): FilterObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FilterError(`${where}: field "${field}" needs an object`);
  return { values: value as Record<string, unknown>, where: `${where}: field "${field}"` };
}

function elements<Item>(
  where: string,
  field: string,
  value: unknown,
  convert: (item: unknown) => Item | undefined,
  kind: string,
  hint: (item: unknown) => string = () => '',
): Item[] {
  if (!Array.isArray(value)) throw new FilterError(`${where}: field "${field}" needs a list`);
  return value.map((item: unknown, index) => {
    const converted = convert(item);
    if (converted !== undefined) return converted;
    const text = `${where}: field "${field}", value ${index + 1}: ${quote(item)} is not ${kind}`;
    throw new FilterError(`${text}${hint(item)}`);
  });
}

function parseObject(text: string, where: string): Readonly<Record<string, unknown>> {
  let values: Readonly<Record<string, unknown>>;
  try {
    values = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new FilterError(`${where}: ${(error as Error).message}`);
  }
  /* JSON.parse takes the last of equal keys, which would be another filter than the one that was meant. */
  const twice = parseDocument(text).errors.find(({ code }) => code === 'DUPLICATE_KEY');
  if (twice === undefined) return values;
  const end = skipString(text, twice.pos[0]);
  throw new FilterError(`${where}: field ${text.slice(twice.pos[0], end)} is given twice`);
}

function skipString(text: string, start: number): number {
  let index = start + 1;
  for (; index < text.length && text[index] !== '"'; index++) if (text[index] === '\\') index++;
  return index + 1;
}

/** Behind the closing brace of the object at `start`. */
function objectEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let index = start; index < text.length; index++) {
    const character = text[index];
    if (inString) {
      if (character === '\\') index++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return index + 1;
  }
  return undefined;
}

function skipSpace(text: string, start: number): number {
  let index = start;
  while (index < text.length && /\s/.test(text[index]!)) index++;
  return index;
}

function suggestion(word: string, known: readonly string[]): string {
  const best = nearest(word, known);
  return best === undefined ? `; known are ${known.join(', ')}` : `. Did you mean ${quote(best)}?`;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function quote(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
