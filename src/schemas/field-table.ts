import { type ConversionName, conversions } from './conversions.ts';
import { isObject, type Json, type JsonBuilder, type JsonObject, setMember, setValue, valueAt } from './json.ts';

/** One row of a mapping: where a value of an event goes in another schema. */
export interface Field {
  /** Path inside the object that the table is about: `process_credentials.egid`. */
  readonly from: string;
  /** Path inside the object that is made. */
  readonly to: string;
  readonly as: ConversionName;
}

/** A table of fields, made ready to be applied to many objects. */
export interface FieldTable {
  readonly rows: readonly CompiledField[];
  readonly consumers: Consumers;
}

interface CompiledField {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly conversion: (typeof conversions)[ConversionName];
}

/** By member: the indexes of rows that take its value over, or what is inside. */
type Consumers = ReadonlyMap<string, readonly number[] | Consumers>;

export function fieldTable(fields: readonly Field[]): FieldTable {
  const rows = fields.map(({ from, to, as }) => ({
    from: from.split('.'),
    to: to.split('.'),
    conversion: conversions[as],
  }));
  return { rows, consumers: consumersOf(rows) };
}

/** The same fields below another path of the object that is made. */
export function below(path: string, fields: readonly Field[]): Field[] {
  return fields.map((field) => ({ ...field, to: `${path}.${field.to}` }));
}

/**
 * Sets in `target` what the table says of `source`. Returns the rest: what no row took over, in its own structure;
 * undefined when nothing is left.
 */
export function mapFields(table: FieldTable, source: JsonObject, target: JsonBuilder): JsonBuilder | undefined {
  const taken: boolean[] = [];
  const { rows } = table;
  for (let index = 0; index < rows.length; index++) {
    const { from, to, conversion } = rows[index]!;
    const value = valueAt(source, from);
    if (value === undefined) continue;
    const converted = conversion.convert(value, source);
    if (converted === undefined) continue;
    setValue(target, to, converted);
    if (conversion.keeps) taken[index] = true;
  }
  return rest(source, table.consumers, taken);
}

function rest(source: JsonObject, consumers: Consumers, taken: readonly boolean[]): JsonBuilder | undefined {
  let left: JsonBuilder | undefined;
  for (const key in source) {
    const value = source[key];
    const remaining = restOf(value, consumers.get(key), taken);
    if (remaining === undefined) continue;
    left ??= {};
    setMember(left, key, remaining);
  }
  return left;
}

/** What is left of one value: all, a part of an object, or undefined. */
function restOf(
  value: Json | undefined,
  consumer: readonly number[] | Consumers | undefined,
  taken: readonly boolean[],
): Json | undefined {
  if (consumer === undefined) return value;
  if (isRows(consumer)) return consumer.some((index) => taken[index]) ? undefined : value;
  return isObject(value) ? rest(value, consumer, taken) : value;
}

function isRows(consumer: readonly number[] | Consumers): consumer is readonly number[] {
  return Array.isArray(consumer);
}

function consumersOf(rows: readonly CompiledField[]): Consumers {
  const root: MutableConsumers = new Map();
  for (const [index, { from }] of rows.entries()) addConsumer(root, from, index);
  return root;
}

type MutableConsumers = Map<string, number[] | MutableConsumers>;

function addConsumer(consumers: MutableConsumers, path: readonly string[], index: number): void {
  const [key, ...inner] = path;
  if (key === undefined) return;
  if (inner.length === 0) {
    const rows = consumers.get(key) ?? [];
    if (!Array.isArray(rows)) throw new Error(`${key} is mapped as a whole and in parts`);
    consumers.set(key, [...rows, index]);
    return;
  }
  const child: number[] | MutableConsumers = consumers.get(key) ?? new Map();
  if (Array.isArray(child)) throw new Error(`${key} is mapped as a whole and in parts`);
  consumers.set(key, child);
  addConsumer(child, inner, index);
}
