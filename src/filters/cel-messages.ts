import type { Environment } from '@marcbachmann/cel-js/evaluator';
import { celLibrary } from './cel-library.ts';
import { presenceTest } from './cel-source.ts';
import { enumValues, eventMessages, type MessageField, type MessageFields } from './message-schema.ts';

/** A message for CEL, made from its JSON; fields are converted when an expression asks for them. */
export type CelMessage = object;

/**
 * Makes the messages of events known to a CEL environment. Scalars that are not in the JSON have their default value, and
 * messages are empty; wrapped scalars (`pid`) are missing. `has()` tells what is there.
 */
export function registerMessages(environment: Environment): (message: string, json: Json) => CelMessage {
  const constructors = new Map<string, new (json: Json) => CelMessage>();
  for (const [name, fields] of eventMessages()) {
    const ctor = messageClass(fields, (message, json) => new (constructors.get(message)!)(json));
    constructors.set(name, ctor);
  }
  const registered = new Set<string>();
  for (const name of constructors.keys()) registerType(environment, name, constructors, registered);
  return (message, json) => new (constructors.get(message)!)(json);
}

export type Json = Readonly<Record<string, unknown>>;

/** A type must be known before the types that have fields of it. */
function registerType(
  environment: Environment,
  name: string,
  constructors: ReadonlyMap<string, new (json: Json) => CelMessage>,
  registered: Set<string>,
): void {
  if (registered.has(name)) return;
  registered.add(name);
  const fields = eventMessages().get(name)!;
  for (const { type } of fields.values()) {
    if (constructors.has(type)) registerType(environment, type, constructors, registered);
  }
  const types = [...fields].map(([field, definition]) => [field, celType(definition)]);
  environment.registerType(`tetragon.${name}`, { ctor: constructors.get(name)!, fields: Object.fromEntries(types) });
  const isSet = (message: { readonly json: Json }, field: string): boolean => message.json[field] !== undefined;
  environment.registerFunction(`tetragon.${name}.${presenceTest}(string): bool`, isSet);
}

function celType({ type, kind }: MessageField): string {
  const element = scalars[type]?.type ?? (eventMessages().has(type) ? `tetragon.${type}` : enumType(type));
  if (kind === 'list') return `list<${element}>`;
  return kind === 'map' ? `map<string, ${element}>` : element;
}

function enumType(type: string): string {
  return enumValues().has(type) ? 'int' : 'dyn';
}

function messageClass(
  fields: MessageFields,
  convertMessage: (message: string, json: Json) => CelMessage,
): new (
  json: Json,
) => CelMessage {
  class Message {
    readonly json: Json;

    constructor(json: Json) {
      this.json = json;
    }
  }
  for (const [name, field] of fields) {
    const get = function (this: Message): unknown {
      const value = convertField(field, this.json[name], convertMessage);
      Object.defineProperty(this, name, { value });
      return value;
    };
    Object.defineProperty(Message.prototype, name, { get, configurable: true });
  }
  return Message;
}

function convertField(
  { type, kind }: MessageField,
  json: unknown,
  convertMessage: (message: string, json: Json) => CelMessage,
): unknown {
  const scalar = scalars[type];
  const convert = (value: unknown): unknown => {
    if (scalar !== undefined) return scalar.convert(value);
    return eventMessages().has(type) ? convertMessage(type, value as Json) : enumNumber(type, value);
  };
  if (kind === 'list') return ((json ?? []) as unknown[]).map(convert);
  if (kind === 'map') return json ?? {};
  if (json !== undefined) return convert(json);
  if (scalar !== undefined) return scalar.missing === undefined ? undefined : scalar.convert(scalar.missing);
  if (eventMessages().has(type)) return convertMessage(type, {});
  return enumValues().has(type) ? 0n : undefined;
}

/** An enum is a number in CEL; one that has no name is a number in JSON too. */
function enumNumber(type: string, value: unknown): bigint {
  return BigInt(typeof value === 'number' ? value : (enumValues().get(type)?.get(String(value)) ?? 0));
}

interface Scalar {
  readonly type: string;
  /** JSON of the value that is meant when there is none; undefined when none is meant. */
  readonly missing: unknown;
  readonly convert: (json: unknown) => unknown;
}

const unsigned = (json: unknown): unknown => new (celLibrary().UnsignedInt)(BigInt(json as number | string));
const signed = (json: unknown): bigint => BigInt(json as number | string);
const same = (json: unknown): unknown => json;

const scalars: Readonly<Record<string, Scalar>> = {
  string: { type: 'string', missing: '', convert: same },
  bool: { type: 'bool', missing: false, convert: same },
  bytes: { type: 'bytes', missing: '', convert: (json) => Buffer.from(json as string, 'base64') },
  int32: { type: 'int', missing: 0, convert: signed },
  int64: { type: 'int', missing: 0, convert: signed },
  uint32: { type: 'uint', missing: 0, convert: unsigned },
  uint64: { type: 'uint', missing: 0, convert: unsigned },
  'google.protobuf.UInt32Value': { type: 'uint', missing: undefined, convert: unsigned },
  'google.protobuf.Int32Value': { type: 'int', missing: undefined, convert: signed },
  'google.protobuf.BoolValue': { type: 'bool', missing: undefined, convert: same },
  'google.protobuf.Timestamp': {
    type: 'google.protobuf.Timestamp',
    missing: undefined,
    convert: (json) => new Date(json as string),
  },
};
