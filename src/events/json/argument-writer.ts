import type { HookRecord, RecordValue } from '../decode.ts';
import type { EventArgument } from '../event-plan.ts';
import { trimmedEnd } from '../processes/process.ts';
import { argumentValue } from '../values.ts';
import { fileValue, valueStatus } from '../wire.ts';
import { JsonWriter } from './json-writer.ts';
import { encodedPermission, fileKeys, key, writeArgument } from './value-json.ts';

/** Writes one argument of records in three parts, of which the first and mostly the last are always the same. */
export interface ArgumentWriter {
  /** What stands before nearly every value, with a comma unless the argument is the first; `write` follows it. */
  readonly start: Buffer;
  /** Writes a value behind `start`, and returns what has to follow. A value that begins differently takes `start` back. */
  write(writer: JsonWriter, record: HookRecord): Buffer;
}

/**
 * The writer of an argument, made once for all records. Numbers, strings and files, which are most of what policies
 * report, go from record to line without an object for the value; all else, and values that could not be read, as
 * `argumentValue` and `writeArgument` say.
 */
export function argumentWriter(argument: EventArgument, isFirst: boolean): ArgumentWriter {
  const comma = isFirst ? '' : ',';
  const direct = directWriter(argument);
  const start = Buffer.from(comma + (direct?.start ?? ''));
  const surplus = direct?.start.length ?? 0;
  return {
    start,
    write(writer, record) {
      const value = record.values[argument.value];
      if (direct !== undefined && value !== undefined && (value.status & valueStatus.UNREADABLE) === 0) {
        const end = direct.write(writer, record, value);
        if (end !== undefined) return end;
      }
      writer.length -= surplus;
      writeArgument(writer, argumentValue(record, argument), argument.label);
      return nothing;
    },
  };
}

interface DirectWriter {
  readonly start: string;
  /** Writes a value that could be read, and returns what follows; undefined, with nothing written, for a rare one. */
  write(writer: JsonWriter, record: HookRecord, value: RecordValue): Buffer | undefined;
}

function directWriter(argument: EventArgument): DirectWriter | undefined {
  switch (argument.type) {
    case 'sint32':
    case 'uint32':
    case 'sint64':
    case 'uint64':
      return numberWriter(argument.type, argument.label);
    case 'string':
    case 'filename':
      return stringWriter(argument.label);
    case 'file':
    case 'fd':
      return fileWriter(fileKeys.file, argument.label);
    case 'path':
    case 'dentry':
      return fileWriter(fileKeys.path, argument.label);
    case 'linux_binprm':
      return fileWriter(fileKeys.linux_binprm, argument.label);
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

function numberWriter(type: keyof typeof numberForms, label: string): DirectWriter {
  const form = numberForms[type];
  const end = argumentEnd(form.quote, label);
  return {
    start: form.key.toString(),
    write(writer, { view }, value) {
      if (value.length < form.size) return undefined;
      const high = form.size === 8 ? view.getUint32(value.start + 4, true) : 0;
      form.write(writer, view.getUint32(value.start, true), high);
      return end;
    },
  };
}

function stringWriter(label: string): DirectWriter {
  const end = argumentEnd('"', label);
  return {
    start: `${key.string}"`,
    write(writer, { buffer, view }, value) {
      writer.escapedWords(buffer, view, value.start, trimmedEnd(buffer, value.start, value.start + value.length));
      return end;
    },
  };
}

/** A file with a path that was found in full. */
function fileWriter(fileKey: Buffer, label: string): DirectWriter {
  const ends = new PathEnds(argumentEnd('', label));
  return {
    start: `${fileKey}"path":"`,
    write(writer, { buffer, view }, value) {
      if ((value.status & (valueStatus.UNRESOLVED | valueStatus.DELETED)) !== 0 || value.length <= fileValue.size) {
        return undefined;
      }
      const room = value.length - fileValue.size;
      const pathLength = Math.min(view.getUint32(value.start + fileValue.at.path_length, true), room);
      const pathStart = value.start + fileValue.size;
      const pathEnd = trimmedEnd(buffer, pathStart, pathStart + pathLength);
      if (pathEnd === pathStart) return undefined;
      writer.escapedWords(buffer, view, pathStart, pathEnd);
      return ends.of(view.getUint32(value.start + fileValue.at.mode, true));
    },
  };
}

/** `","permission":"-rw-r--r--"}` and the end of the argument; there are few different modes. */
class PathEnds {
  readonly #argumentEnd: Buffer;
  readonly #ends = new Map<number, Buffer>();
  #mode = -1;
  #end: Buffer = nothing;

  constructor(argumentEnd: Buffer) {
    this.#argumentEnd = argumentEnd;
  }

  of(mode: number): Buffer {
    if (mode !== this.#mode) {
      this.#end = this.#find(mode & 0xffff);
      this.#mode = mode;
    }
    return this.#end;
  }

  #find(mode: number): Buffer {
    const end = this.#ends.get(mode) ?? Buffer.concat([Buffer.from('",'), encodedPermission(mode), this.#argumentEnd]);
    this.#ends.set(mode, end);
    return end;
  }
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

const nothing = Buffer.alloc(0);
