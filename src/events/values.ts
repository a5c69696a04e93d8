import type { HookRecord, RecordValue } from './decode.ts';
import type { EventArgument } from './event-plan.ts';
import { type Credentials, readCredentials, type TextRange, trimmedEnd } from './processes/process.ts';
import {
  bufferValue,
  credentials,
  fileValue,
  sockaddrValue,
  sockValue,
  userNamespaceValue,
  valueStatus,
} from './wire.ts';

/** An argument or return value of an event. Texts are `bytes[start .. end]` and valid as long as the record is. */
export type EventValue =
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'uint'; readonly value: number }
  | { readonly kind: 'long' | 'size'; readonly low: number; readonly high: number }
  | { readonly kind: 'string'; readonly text: TextRange }
  | FileValue
  | SockValue
  | SockaddrValue
  | { readonly kind: 'credentials'; readonly credentials: Credentials }
  | { readonly kind: 'userNamespace'; readonly userNamespace: UserNamespace }
  | { readonly kind: 'capability'; readonly value: number }
  /** `size`: bytes the buffer has, which may be more than were copied. */
  | { readonly kind: 'bytes'; readonly bytes: TextRange; readonly size: number }
  | { readonly kind: 'syscall'; readonly id: number; readonly compat: boolean };

export interface UserNamespace {
  /** 0 for the host's. */
  readonly level: number;
  readonly owner: number;
  readonly group: number;
  readonly inum: number;
}

export interface FileValue {
  readonly kind: 'file' | 'path' | 'linux_binprm';
  readonly path: TextRange;
  readonly deleted: boolean;
  readonly unresolved: boolean;
  readonly mode: number;
}

export interface SockValue {
  readonly kind: 'sock';
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly state: number;
  readonly mark: number;
  readonly priority: number;
  /** 16 bytes, of which IPv4 uses the first four. */
  readonly saddr: TextRange;
  readonly daddr: TextRange;
  readonly sport: number;
  readonly dport: number;
  readonly cookieLow: number;
  readonly cookieHigh: number;
}

export interface SockaddrValue {
  readonly kind: 'sockaddr';
  readonly family: number;
  readonly address: TextRange;
  readonly port: number;
}

/** The value of `argument` in a record. What could not be read, or is not there, is a value of kind `error`. */
export function argumentValue(record: HookRecord, argument: EventArgument): EventValue {
  const value = record.values[argument.value];
  if (value === undefined) return missingValue;
  if ((value.status & valueStatus.UNREADABLE) !== 0) return unreadableValue;
  switch (argument.type) {
    case 'sint8':
    case 'sint16':
    case 'sint32':
    case 'sint64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
    case 'syscall64':
      return integerValue(argument.type, readWord(record.buffer, value, 0), readWord(record.buffer, value, 4));
    case 'string':
    case 'filename':
      return { kind: 'string', text: textRange(record.buffer, value.start, value.length) };
    case 'file':
    case 'fd':
      return pathValue('file', record.buffer, value);
    case 'path':
    case 'dentry':
      return pathValue('path', record.buffer, value);
    case 'linux_binprm':
      return pathValue('linux_binprm', record.buffer, value);
    case 'sock':
    case 'socket':
      return socketValue(record.buffer, value);
    case 'sockaddr':
      return addressValue(record.buffer, value);
    case 'cred':
      if (value.length < credentials.size) return missingValue;
      return { kind: 'credentials', credentials: readCredentials(record.buffer, value.start) };
    case 'capability':
      return { kind: 'capability', value: readWord(record.buffer, value, 0) | 0 };
    case 'user_namespace':
      return userNamespaceOf(record.buffer, value);
    case 'char_buf':
      return bytesValue(record.buffer, value);
    default:
      return argument.type satisfies never;
  }
}

/** The return value of a call: a register of 64 bits, of which the type says how many count. */
export function returnValue(argument: EventArgument, low: number, high: number): EventValue {
  switch (argument.type) {
    case 'sint8':
    case 'sint16':
    case 'sint32':
    case 'sint64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
    case 'syscall64':
      return integerValue(argument.type, low, high);
    default:
      return { kind: 'error', message: `Return values of type ${argument.type} are not read` };
  }
}

type IntegerType = 'sint8' | 'sint16' | 'sint32' | 'sint64' | 'uint8' | 'uint16' | 'uint32' | 'uint64' | 'syscall64';

function integerValue(type: IntegerType, low: number, high: number): EventValue {
  switch (type) {
    case 'sint8':
      return { kind: 'int', value: (low << 24) >> 24 };
    case 'sint16':
      return { kind: 'int', value: (low << 16) >> 16 };
    case 'sint32':
      return { kind: 'int', value: low | 0 };
    case 'uint8':
      return { kind: 'uint', value: low & 0xff };
    case 'uint16':
      return { kind: 'uint', value: low & 0xffff };
    case 'uint32':
      return { kind: 'uint', value: low >>> 0 };
    case 'sint64':
      return { kind: 'long', low, high };
    case 'uint64':
      return { kind: 'size', low, high };
    case 'syscall64':
      // Tetragon's flag is bit 31, which no system call number reaches; the top bit of the register means the same.
      return { kind: 'syscall', id: low & 0x7fff_ffff, compat: (low | high) >>> 31 === 1 };
    default:
      return type satisfies never;
  }
}

function pathValue(kind: FileValue['kind'], buffer: Buffer, value: RecordValue): EventValue {
  if (value.length < fileValue.size) return missingValue;
  const room = value.length - fileValue.size;
  const pathLength = Math.min(buffer.readUInt32LE(value.start + fileValue.at.path_length), room);
  return {
    kind,
    path: textRange(buffer, value.start + fileValue.size, pathLength),
    deleted: (value.status & valueStatus.DELETED) !== 0,
    unresolved: (value.status & valueStatus.UNRESOLVED) !== 0,
    mode: buffer.readUInt32LE(value.start + fileValue.at.mode),
  };
}

function socketValue(buffer: Buffer, value: RecordValue): EventValue {
  if (value.length < sockValue.size) return missingValue;
  const at = sockValue.at;
  const word = (field: number): number => buffer.readUInt32LE(value.start + field);
  return {
    kind: 'sock',
    family: word(at.family),
    type: word(at.type),
    protocol: word(at.protocol),
    state: word(at.state),
    mark: word(at.mark),
    priority: word(at.priority),
    saddr: addressRange(buffer, value.start + at.saddr),
    daddr: addressRange(buffer, value.start + at.daddr),
    sport: word(at.sport),
    dport: word(at.dport),
    cookieLow: word(at.cookie),
    cookieHigh: word(at.cookie + 4),
  };
}

function addressValue(buffer: Buffer, value: RecordValue): EventValue {
  if (value.length < sockaddrValue.size) return missingValue;
  const at = sockaddrValue.at;
  return {
    kind: 'sockaddr',
    family: buffer.readUInt32LE(value.start + at.family),
    address: addressRange(buffer, value.start + at.saddr),
    port: buffer.readUInt32LE(value.start + at.sport),
  };
}

function userNamespaceOf(buffer: Buffer, value: RecordValue): EventValue {
  if (value.length < userNamespaceValue.size) return missingValue;
  const { at } = userNamespaceValue;
  const word = (field: number): number => buffer.readUInt32LE(value.start + field);
  const userNamespace = { level: word(at.level), owner: word(at.owner), group: word(at.group), inum: word(at.inum) };
  return { kind: 'userNamespace', userNamespace };
}

function bytesValue(buffer: Buffer, value: RecordValue): EventValue {
  if (value.length < bufferValue.size) return missingValue;
  const room = value.length - bufferValue.size;
  const start = value.start + bufferValue.size;
  const copied = Math.min(buffer.readUInt32LE(value.start + bufferValue.at.copied), room);
  const size = buffer.readUInt32LE(value.start + bufferValue.at.size);
  return { kind: 'bytes', bytes: { bytes: buffer, start, end: start + copied }, size };
}

/** The 32-bit word at `position` of a number; a number shorter than that has zeros there. */
function readWord(buffer: Buffer, value: RecordValue, position: number): number {
  const size = Math.min(4, value.length - position);
  if (size === 4) return buffer.readUInt32LE(value.start + position);
  return size <= 0 ? 0 : buffer.readUIntLE(value.start + position, size);
}

/** Without NUL bytes at the end. */
function textRange(bytes: Buffer, start: number, length: number): TextRange {
  return { bytes, start, end: trimmedEnd(bytes, start, start + length) };
}

function addressRange(bytes: Buffer, start: number): TextRange {
  return { bytes, start, end: start + 16 };
}

const unreadableValue: EventValue = { kind: 'error', message: 'Bad address for basic type' };
const missingValue: EventValue = { kind: 'error', message: 'Value is missing from the record' };
