import { addressText } from '../address.ts';
import { permissionText } from '../file-mode.ts';
import { capabilityName, familyName, protocolName, socketTypeName, stateName } from '../names.ts';
import type { TextRange } from '../processes/process.ts';
import type { EventValue, FileValue, SockaddrValue, SockValue } from '../values.ts';
import { writeCredentialsArgument, writeUserNamespace } from './credentials-json.ts';
import type { JsonWriter } from './json-writer.ts';

/** Writes an argument or return value as Tetragon's `KprobeArgument`. */
export function writeArgument(writer: JsonWriter, value: EventValue, label: string): void {
  writeValue(writer, value);
  if (label !== '') {
    writer.raw(key.label);
    writer.text(label);
  }
  writer.ascii('}');
}

/** Writes the member of the oneof, without the closing brace of the argument. */
function writeValue(writer: JsonWriter, value: EventValue): void {
  switch (value.kind) {
    case 'error':
      writer.ascii('{"error_arg":{"Message":');
      writer.text(value.message);
      writer.ascii('}');
      break;
    case 'int':
      writer.raw(key.int);
      writer.int(value.value);
      break;
    case 'uint':
      writer.raw(key.uint);
      writer.uint(value.value);
      break;
    case 'long':
      writer.raw(key.long);
      writer.int64(value.low, value.high);
      writer.ascii('"');
      break;
    case 'size':
      writer.raw(key.size);
      writer.uint64(value.low, value.high);
      writer.ascii('"');
      break;
    case 'string':
      writer.raw(key.string);
      writer.string(value.text.bytes, value.text.start, value.text.end);
      break;
    case 'file':
    case 'path':
    case 'linux_binprm':
      writeFile(writer, value);
      break;
    case 'sock':
      writeSock(writer, value);
      break;
    case 'sockaddr':
      writeSockaddr(writer, value);
      break;
    case 'credentials':
      writer.ascii('{"process_credentials_arg":');
      writeCredentialsArgument(writer, value.credentials);
      break;
    case 'userNamespace':
      writer.ascii('{"user_ns_arg":');
      writeUserNamespace(writer, value.userNamespace);
      break;
    case 'capability':
      writer.ascii(`{"capability_arg":{"value":${value.value},"name":"${capabilityName(value.value)}"}`);
      break;
    case 'bytes':
      writeBytes(writer, value.bytes, value.size);
      break;
    case 'syscall':
      writer.ascii('{"syscall_id":{');
      if (value.id !== 0) writer.ascii(`"id":${value.id},`);
      writer.ascii(`"abi":"${abiName(value.compat)}"}`);
      break;
    default:
      value satisfies never;
  }
}

/** Bytes that were not copied make it another message. */
function writeBytes(writer: JsonWriter, { bytes, start, end }: TextRange, size: number): void {
  const isWhole = size <= end - start;
  writer.ascii(isWhole ? '{"bytes_arg":"' : '{"truncated_bytes_arg":{"bytes_arg":"');
  writer.base64(bytes, start, end);
  writer.ascii(isWhole ? '"' : `","orig_size":"${size}"}`);
}

function writeFile(writer: JsonWriter, value: FileValue): void {
  const { path } = value;
  writer.raw(fileKeys[value.kind]);
  if (path.end > path.start) {
    writer.raw(pathKey);
    writer.escaped(path.bytes, path.start, path.end);
    writer.raw(value.deleted ? deletedEnd : pathEnd);
  }
  if (value.unresolved) writer.ascii('"flags":"unresolvedPathComponents",');
  writer.raw(encodedPermission(value.mode));
}

/** `"permission":"-rw-r--r--"}`; there are few different modes. */
export function encodedPermission(mode: number): Buffer {
  const relevant = mode & 0xffff;
  let encoded = permissions[relevant];
  if (encoded === undefined) {
    encoded = Buffer.from(`"permission":"${permissionText(relevant)}"}`);
    permissions[relevant] = encoded;
  }
  return encoded;
}

function writeSock(writer: JsonWriter, value: SockValue): void {
  writer.raw(key.sock);
  writer.ascii(familyName(value.family));
  writer.raw(key.type);
  writer.ascii(socketTypeName(value.type));
  writer.raw(key.protocol);
  writer.ascii(protocolName(value.protocol));
  writer.byte(QUOTE);
  writeNumber(writer, key.mark, value.mark);
  writeNumber(writer, key.priority, value.priority);
  writeAddress(writer, key.saddr, addressText(value.family, value.saddr));
  writeAddress(writer, key.daddr, addressText(value.family, value.daddr));
  writeNumber(writer, key.sport, value.sport);
  writeNumber(writer, key.dport, value.dport);
  if (value.cookieLow !== 0 || value.cookieHigh !== 0) {
    writer.raw(key.cookie);
    writer.uint64(value.cookieLow, value.cookieHigh);
    writer.byte(QUOTE);
  }
  writer.raw(key.state);
  writer.ascii(stateName(value.state));
  writer.ascii('"}');
}

function writeSockaddr(writer: JsonWriter, value: SockaddrValue): void {
  writer.ascii('{"sockaddr_arg":{"family":"');
  writer.ascii(familyName(value.family));
  writer.byte(QUOTE);
  writeAddress(writer, key.addr, addressText(value.family, value.address));
  writeNumber(writer, key.port, value.port);
  writer.ascii('}');
}

function writeNumber(writer: JsonWriter, name: Buffer, value: number): void {
  if (value === 0) return;
  writer.raw(name);
  writer.uint(value);
}

function writeAddress(writer: JsonWriter, name: Buffer, address: string): void {
  if (address === '') return;
  writer.raw(name);
  writer.ascii(address);
  writer.byte(QUOTE);
}

const QUOTE = 0x22;

/** Members with what stands before their value. */
export const key = {
  label: Buffer.from(',"label":'),
  int: Buffer.from('{"int_arg":'),
  uint: Buffer.from('{"uint_arg":'),
  long: Buffer.from('{"long_arg":"'),
  size: Buffer.from('{"size_arg":"'),
  string: Buffer.from('{"string_arg":'),
  sock: Buffer.from('{"sock_arg":{"family":"'),
  type: Buffer.from('","type":"'),
  protocol: Buffer.from('","protocol":"'),
  mark: Buffer.from(',"mark":'),
  priority: Buffer.from(',"priority":'),
  saddr: Buffer.from(',"saddr":"'),
  daddr: Buffer.from(',"daddr":"'),
  sport: Buffer.from(',"sport":'),
  dport: Buffer.from(',"dport":'),
  cookie: Buffer.from(',"cookie":"'),
  state: Buffer.from(',"state":"'),
  addr: Buffer.from(',"addr":"'),
  port: Buffer.from(',"port":'),
} as const;

/** Up to the members of the file. */
export const fileKeys = {
  file: Buffer.from('{"file_arg":{'),
  path: Buffer.from('{"path_arg":{'),
  linux_binprm: Buffer.from('{"linux_binprm_arg":{'),
} as const;
const pathKey = Buffer.from('"path":"');
const pathEnd = Buffer.from('",');
const deletedEnd = Buffer.from(' (deleted)",');
const permissions: (Buffer | undefined)[] = [];

/** Name of a system call table, as Tetragon writes it; `compat` is that of 32-bit programs. */
export function abiName(compat: boolean): string {
  return compat ? compatAbi : nativeAbi;
}

const nativeAbi = process.arch === 'arm64' ? 'arm64' : 'x64';
const compatAbi = process.arch === 'arm64' ? 'arm32' : 'i386';
