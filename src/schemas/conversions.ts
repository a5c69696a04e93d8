import { isArray, isObject, type Json, type JsonObject, objectAt, textAt } from './json.ts';

/** How a value of an event becomes one of another schema. */
export interface Conversion {
  /** For the documentation; empty when the value stays as it is. */
  readonly meaning: string;
  /** Whether the value can be read back from the result: else it is also kept in the rest. */
  readonly keeps: boolean;
  /**
   * `whole` is the object that the row is about. Undefined when the value is not of the expected kind; it is then kept
   * in the rest.
   */
  readonly convert: (value: Json, whole: JsonObject) => Json | undefined;
}

export type ConversionName = keyof typeof conversions;

export const conversions = {
  text: { meaning: '', keeps: true, convert: text },
  copyOfText: { meaning: '', keeps: false, convert: text },
  number: { meaning: '', keeps: true, convert: integer32 },
  flag: { meaning: '', keeps: true, convert: (value) => (typeof value === 'boolean' ? value : undefined) },
  numberOfText: { meaning: 'as a number', keeps: true, convert: numberOfText },
  textOfNumber: { meaning: 'as text', keeps: true, convert: textOfNumber },
  time: { meaning: 'RFC 3339', keeps: true, convert: time },
  milliseconds: { meaning: 'milliseconds since 1970', keeps: false, convert: milliseconds },
  fileName: { meaning: 'behind the last slash', keeps: false, convert: fileName },
  commandLine: { meaning: '`binary` and `arguments` with a space between', keeps: true, convert: commandLine },
  binaryLine: { meaning: 'when there are no `arguments`', keeps: false, convert: binaryLine },
  argumentWords: {
    meaning: 'behind `binary`, split at spaces outside of double quotes; when there is no `arguments_list`',
    keeps: false,
    convert: argumentWords,
  },
  words: { meaning: '', keeps: true, convert: words },
  capabilities: { meaning: '`DAC_OVERRIDE` as `CAP_DAC_OVERRIDE`', keeps: true, convert: capabilities },
  image: { meaning: '`id` as `uid`; when the container has a name', keeps: true, convert: image },
  environmentObjects: { meaning: '`name`, `value`', keeps: true, convert: environmentObjects },
  environmentWords: { meaning: '`NAME=value`', keeps: true, convert: environmentWords },
} as const satisfies Record<string, Conversion>;

function text(value: Json): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function integer(value: Json): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

/** An id that is not set is 4294967295, which the schemas' integers cannot hold. */
function integer32(value: Json): number | undefined {
  const number = integer(value);
  return number === undefined || Math.abs(number) >= 2 ** 31 ? undefined : number;
}

/** Protobuf's JSON writes 64-bit numbers as text. */
function numberOfText(value: Json): number | undefined {
  if (typeof value !== 'string' || !/^-?(?:0|[1-9]\d{0,15})$/.test(value)) return integer(value);
  return integer(Number(value));
}

function textOfNumber(value: Json): string | undefined {
  return integer(value) === undefined ? undefined : String(value);
}

function time(value: Json): string | undefined {
  return typeof value === 'string' && rfc3339.test(value) ? value : undefined;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function milliseconds(value: Json): number | undefined {
  if (typeof value !== 'string' || !rfc3339.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Behind the last slash; the root is its own name. */
export function fileName(value: Json): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const name = value.slice(value.lastIndexOf('/') + 1);
  return name === '' ? value : name;
}

function commandLine(value: Json, process: JsonObject): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const binary = textAt(process, 'binary');
  return binary === undefined ? value : `${binary} ${value}`;
}

function binaryLine(value: Json, process: JsonObject): string | undefined {
  return textAt(process, 'arguments') === undefined ? text(value) : undefined;
}

/** Tetragon puts words with a space between quotes and does not escape quotes inside, so this is a good guess. */
function argumentWords(value: Json, process: JsonObject): string[] | undefined {
  if (typeof value !== 'string' || process['arguments_list'] !== undefined) return undefined;
  const list = Array.from(value.matchAll(/"([^"]*)"(?= |$)|([^ ]+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
  return [textAt(process, 'binary') ?? '', ...list];
}

function words(value: Json): string[] | undefined {
  if (!isArray(value) || value.length === 0) return undefined;
  return value.every((word) => typeof word === 'string') ? [...value] : undefined;
}

function capabilities(value: Json): string[] | undefined {
  const names = words(value)?.map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`));
  return names?.every((name) => /^CAP_[A-Z0-9_]+$/.test(name)) ? names : undefined;
}

/** OCSF requires an image to have a uid, and a container to have a uid or a name. */
function image(value: Json, process: JsonObject): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  const { id, name, ...others } = value;
  const container = textAt(process, 'docker') ?? textAt(objectAt(objectAt(process, 'pod'), 'container'), 'name');
  if (typeof id !== 'string' || id === '' || container === undefined || Object.keys(others).length > 0)
    return undefined;
  if (name === undefined) return { uid: id };
  return typeof name === 'string' ? { uid: id, name } : undefined;
}

function environmentObjects(value: Json): Json[] | undefined {
  return environment(value)?.map(([name, content]) => ({ name, value: content }));
}

function environmentWords(value: Json): string[] | undefined {
  return environment(value)?.map(([name, content]) => `${name}=${content}`);
}

function environment(value: Json): [string, string][] | undefined {
  if (!isArray(value) || value.length === 0) return undefined;
  const variables = value.map(environmentVariable);
  return variables.every((variable) => variable !== undefined) ? variables : undefined;
}

function environmentVariable(value: Json): [string, string] | undefined {
  if (!isObject(value)) return undefined;
  const { Key: name = '', Value: content = '', ...others } = value;
  if (typeof name !== 'string' || typeof content !== 'string' || Object.keys(others).length > 0) return undefined;
  return [name, content];
}
