import protobuf from 'protobufjs';

/**
 * The JSON of a decoded message with the names of the proto files, as Tetragon writes it: default values left out,
 * 64-bit numbers as text, bytes in base64, wrappers as their values. Fields that the API does not have are lost.
 */
export function messageJson(type: protobuf.Type, message: protobuf.Message): unknown {
  const special = wellKnown[type.fullName];
  if (special !== undefined) return special(message as unknown as Record<string, never>);
  const json: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    if (!Object.hasOwn(message, field.name)) continue;
    const value = (message as unknown as Record<string, unknown>)[field.name];
    if (!isDefault(field, value)) json[field.name] = fieldJson(field, value);
  }
  return json;
}

function isDefault(field: protobuf.Field, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (field.repeated) return (value as unknown[]).length === 0;
  if (field.map) return Object.keys(value as object).length === 0;
  /* Members of a oneof are there because somebody set them. */
  if (field.partOf !== null || field.resolvedType instanceof protobuf.Type) return false;
  if (typeof value === 'object') return 'length' in value ? value.length === 0 : String(value) === '0';
  return value === 0 || value === '' || value === false;
}

function fieldJson(field: protobuf.Field, value: unknown): unknown {
  if (field.repeated) return (value as unknown[]).map((element) => scalarJson(field, element));
  if (field.map) {
    const entries = Object.entries(value as Record<string, unknown>);
    return Object.fromEntries(entries.map(([key, element]) => [key, scalarJson(field, element)]));
  }
  return scalarJson(field, value);
}

function scalarJson({ type, resolvedType }: protobuf.Field, value: unknown): unknown {
  if (resolvedType instanceof protobuf.Type) return messageJson(resolvedType, value as protobuf.Message);
  if (resolvedType instanceof protobuf.Enum) return resolvedType.valuesById[value as number] ?? value;
  if (type === 'bytes') return Buffer.from(value as Uint8Array).toString('base64');
  return wideTypes.has(type) ? String(value) : value;
}

const wideTypes: ReadonlySet<string> = new Set(['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64']);

interface WallTime {
  readonly seconds: { toString(): string };
  readonly nanos: number;
}

const wellKnown: Readonly<Record<string, (message: Record<string, never>) => unknown>> = {
  '.google.protobuf.Timestamp': (message) => timestampText(message as unknown as WallTime),
  '.google.protobuf.UInt32Value': ({ value }) => value,
  '.google.protobuf.Int32Value': ({ value }) => value,
  '.google.protobuf.BoolValue': ({ value }) => value,
};

/** RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second. */
function timestampText({ seconds, nanos }: WallTime): string {
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const digits = String(nanos)
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/, '');
  return `${date}${digits === '' ? '' : `.${digits}`}Z`;
}
