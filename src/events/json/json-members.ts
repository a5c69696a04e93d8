import { JsonWriter } from './json-writer.ts';

/** `,"key":value` for each member that is not empty. */
export function members(values: Members): string {
  const writer = new JsonWriter(256);
  writeMembers(writer, values, ',');
  return writer.take().toString('utf8');
}

/** The members that are not empty, `separator` before the first. Policy text comes from YAML and may hold lone surrogates. */
export function writeMembers(writer: JsonWriter, values: Members, separator: ',' | ''): void {
  let before: string = separator;
  for (const [key, value] of Object.entries(values)) {
    if (value.length === 0) continue;
    writer.ascii(`${before}"${key}":`);
    if (typeof value === 'string') writer.text(value);
    else writeTexts(writer, value);
    before = ',';
  }
}

type Members = Readonly<Record<string, string | readonly string[]>>;

function writeTexts(writer: JsonWriter, texts: readonly string[]): void {
  let separator = '[';
  for (const text of texts) {
    writer.ascii(separator);
    writer.text(text);
    separator = ',';
  }
  writer.ascii(']');
}

/** A 64-bit number as JSON has it, empty for 0. */
export function numberText(value: number | bigint): string {
  return value === 0 || value === 0n ? '' : String(value);
}
