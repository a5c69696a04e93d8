/** The part of JSON schema that describes policies, with two keywords of our own. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  /** A schema: any key is fine (labels). `false`: only `properties`. */
  readonly additionalProperties?: false | Schema;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, Schema>>;
  /** The field is part of the language but not compiled: any value other than an empty one is refused with this hint. */
  readonly notCompiled?: string;
  /** Values that are part of the language but not compiled, each with its hint. */
  readonly notCompiledValues?: Readonly<Record<string, string>>;
}

/** A map with these fields and no others. */
export function fields(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

export function choice(values: readonly string[], notCompiledValues?: Readonly<Record<string, string>>): Schema {
  if (notCompiledValues === undefined) return { type: 'string', enum: values };
  return { type: 'string', enum: [...values, ...Object.keys(notCompiledValues)], notCompiledValues };
}

export function definition(name: string): Schema {
  return { $ref: `#/definitions/${name}` };
}

/** Marks a field as known and not compiled. */
export function notCompiled(schema: Schema, hint: string): Schema {
  return { ...schema, notCompiled: hint };
}

export const text: Schema = { type: 'string' };
/** A string that must say something. */
export const name: Schema = { type: 'string', minLength: 1 };
export const flag: Schema = { type: 'boolean' };
export const uint32: Schema = { type: 'integer', minimum: 0, maximum: 0xffffffff };
export const uint64: Schema = { type: 'integer', minimum: 0 };
export const int32: Schema = { type: 'integer', minimum: -0x80000000, maximum: 0x7fffffff };
export const anything: Schema = {};
