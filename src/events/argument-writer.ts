import type { HookRecord, RecordValue } from './decode.ts';
import type { EventArgument } from './event-plan.ts';
import { JsonWriter } from './json-writer.ts';
import { encodedPermission, fileKeys, key, writeArgument } from './value-json.ts';
import { argumentValue } from './values.ts';
import { fileValue, valueStatus } from './wire.ts';

/** Writes one argument of a record, with the comma before it unless it is the first. */
export type ArgumentWriter = (writer: JsonWriter, record: HookRecord) => void;

/**
 * The writer of an argument, made once for all records. Numbers, strings and files, which are most of what policies
 * report, go from record to line without an object for the value; all else, and values that could not be read, as
 * `argumentValue` and `writeArgument` say.
 */
export function argumentWriter(argument: EventArgument, isFirst: boolean): ArgumentWriter {
  const comma = isFirst ? '' : ',';
  const write = directWriter(argument, comma);
  const separator = Buffer.from(comma);
  return (writer, record) => {
    const value = record.values[argument.value];
    if (write !== undefined && value !== undefined && (value.status & valueStatus.UNREADABLE) === 0) {
      if (write(writer, record, value)) return;
    }
    writer.raw(separator);
    writeArgument(writer, argumentValue(record, argument), argument.label);
  };
}

/** Writes a value that could be read; false, with nothing written, when it is one of the rare ones. */
type DirectWriter = (writer: JsonWriter, record: HookRecord, value: RecordValue) => boolean;

function directWriter(argument: EventArgument, comma: string): DirectWriter | undefined {
  switch (argument.type) {
    case 'sint32':
    case 'uint32':
    case 'sint64':
    case 'uint64':
      return numberWriter(argument.type, comma, argument.label);
    case 'string':
    case 'filename':
      return stringWriter(comma, argument.label);
    case 'file':
    case 'fd':
      return fileWriter(fileKeys.file, comma, argument.label);
    case 'path':
    case 'dentry':
      return fileWriter(fileKeys.path, comma, argument.label);
    case 'linux_binprm':
      return fileWriter(fileKeys.linux_binprm, comma, argument.label);
    default:
      return undefined;
  }
}

const numberForms = {
  sint32: { key: key.int, quote: '', size: 4, write: (writer: JsonWriter, low: number) => writer.int(low | 0) },
  uint32: { key: key.uint, quote: '', size: 4, write: (writer: JsonWriter, low: number) => writer.uint(low) },
  sint64: {
    key: key.long,
    quote: '"',
    size: 8,
    write: (writer: JsonWriter, low: number, high: number) => writer.int64(low, high),
  },
  uint64: {
    key: key.size,
    quote: '"',
    size: 8,
    write: (writer: JsonWriter, low: number, high: number) => writer.uint64(low, high),
  },
} as const;

function numberWriter(type: keyof typeof numberForms, comma: string, label: string): DirectWriter {
  const form = numberForms[type];
  const start = Buffer.from(comma + form.key);
  const end = argumentEnd(form.quote, label);
  return (writer, { view }, value) => {
    if (value.length < form.size) return false;
    writer.raw(start);
    form.write(writer, view.getUint32(value.start, true), form.size === 8 ? view.getUint32(value.start + 4, true) : 0);
    writer.raw(end);
    return true;
  };
}

function stringWriter(comma: string, label: string): DirectWriter {
  const start = Buffer.from(`${comma}${key.string}"`);
  const end = argumentEnd('"', label);
  return (writer, { buffer, view }, value) => {
    writer.raw(start);
    writer.escapedWords(buffer, view, value.start, textEnd(buffer, value.start, value.length));
    writer.raw(end);
    return true;
  };
}

/** A file with a path that was found in full. */
function fileWriter(fileKey: Buffer, comma: string, label: string): DirectWriter {
  const start = Buffer.from(`${comma}${fileKey}"path":"`);
  const end = argumentEnd('', label);
  return (writer, { buffer, view }, value) => {
    if ((value.status & (valueStatus.UNRESOLVED | valueStatus.DELETED)) !== 0 || value.length <= fileValue.size) {
      return false;
    }
    const room = value.length - fileValue.size;
    const pathLength = Math.min(view.getUint32(value.start + fileValue.at.path_length, true), room);
    const pathStart = value.start + fileValue.size;
    const pathEnd = textEnd(buffer, pathStart, pathLength);
    if (pathEnd === pathStart) return false;
    writer.raw(start);
    writer.escapedWords(buffer, view, pathStart, pathEnd);
    writer.raw(pathAndPermission(view.getUint32(value.start + fileValue.at.mode, true)));
    writer.raw(end);
    return true;
  };
}

/** What stands behind a value: the end of its member, the label, the end of the argument. */
function argumentEnd(quote: string, label: string): Buffer {
  const writer = new JsonWriter(64);
  writer.ascii(quote);
  if (label !== '') {
    writer.raw(key.label);
    writer.text(label);
  }
  writer.ascii('}');
  return writer.take();
}

/** Without NUL bytes at the end. */
function textEnd(bytes: Buffer, start: number, length: number): number {
  let end = start + length;
  while (end > start && bytes[end - 1] === 0) end--;
  return end;
}

/** `","permission":"-rw-r--r--"}`; there are few different modes. */
function pathAndPermission(mode: number): Buffer {
  const relevant = mode & 0xffff;
  let encoded = pathEnds.get(relevant);
  if (encoded === undefined) {
    encoded = Buffer.concat([Buffer.from('",'), encodedPermission(relevant)]);
    pathEnds.set(relevant, encoded);
  }
  return encoded;
}

const pathEnds = new Map<number, Buffer>();
