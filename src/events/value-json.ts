import { addressText } from './address.ts';
import { writeCredentialsArgument } from './credentials-json.ts';
import { permissionText } from './file-mode.ts';
import type { JsonWriter } from './json-writer.ts';
import { familyName, protocolName, socketTypeName, stateName } from './names.ts';
import type { EventValue, FileValue, SockaddrValue, SockValue } from './values.ts';

/** Writes an argument or return value as Tetragon's `KprobeArgument`. */
export function writeArgument(writer: JsonWriter, value: EventValue, label: string): void {
  writeValue(writer, value);
  if (label !== '') {
    writer.ascii(',"label":');
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
      writer.ascii('{"int_arg":');
      writer.int(value.value);
      break;
    case 'uint':
      writer.ascii('{"uint_arg":');
      writer.uint(value.value);
      break;
    case 'long':
      writer.ascii('{"long_arg":"');
      writer.int64(value.low, value.high);
      writer.ascii('"');
      break;
    case 'size':
      writer.ascii('{"size_arg":"');
      writer.uint64(value.low, value.high);
      writer.ascii('"');
      break;
    case 'string':
      writer.ascii('{"string_arg":');
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
    case 'syscall':
      writer.ascii('{"syscall_id":{');
      if (value.id !== 0) writer.ascii(`"id":${value.id},`);
      writer.ascii(`"abi":"${value.compat ? compatAbi : nativeAbi}"}`);
      break;
    default:
      value satisfies never;
  }
}

function writeFile(writer: JsonWriter, value: FileValue): void {
  const { path } = value;
  writer.ascii(fileKeys[value.kind]);
  if (path.end > path.start) {
    writer.ascii('"path":"');
    writer.escaped(path.bytes, path.start, path.end);
    writer.ascii(value.deleted ? ' (deleted)",' : '",');
  }
  if (value.unresolved) writer.ascii('"flags":"unresolvedPathComponents",');
  writer.ascii('"permission":"');
  writer.ascii(permissionText(value.mode));
  writer.ascii('"}');
}

function writeSock(writer: JsonWriter, value: SockValue): void {
  writer.ascii('{"sock_arg":{"family":"');
  writer.ascii(familyName(value.family));
  writer.ascii('","type":"');
  writer.ascii(socketTypeName(value.type));
  writer.ascii('","protocol":"');
  writer.ascii(protocolName(value.protocol));
  writer.byte(QUOTE);
  writeNumber(writer, ',"mark":', value.mark);
  writeNumber(writer, ',"priority":', value.priority);
  writeAddress(writer, ',"saddr":"', addressText(value.family, value.saddr));
  writeAddress(writer, ',"daddr":"', addressText(value.family, value.daddr));
  writeNumber(writer, ',"sport":', value.sport);
  writeNumber(writer, ',"dport":', value.dport);
  if (value.cookieLow !== 0 || value.cookieHigh !== 0) {
    writer.ascii(',"cookie":"');
    writer.uint64(value.cookieLow, value.cookieHigh);
    writer.byte(QUOTE);
  }
  writer.ascii(',"state":"');
  writer.ascii(stateName(value.state));
  writer.ascii('"}');
}

function writeSockaddr(writer: JsonWriter, value: SockaddrValue): void {
  writer.ascii('{"sockaddr_arg":{"family":"');
  writer.ascii(familyName(value.family));
  writer.byte(QUOTE);
  writeAddress(writer, ',"addr":"', addressText(value.family, value.address));
  writeNumber(writer, ',"port":', value.port);
  writer.ascii('}');
}

function writeNumber(writer: JsonWriter, key: string, value: number): void {
  if (value === 0) return;
  writer.ascii(key);
  writer.uint(value);
}

function writeAddress(writer: JsonWriter, key: string, address: string): void {
  if (address === '') return;
  writer.ascii(key);
  writer.ascii(address);
  writer.byte(QUOTE);
}

const QUOTE = 0x22;

const fileKeys = {
  file: '{"file_arg":{',
  path: '{"path_arg":{',
  linux_binprm: '{"linux_binprm_arg":{',
} as const;

/** Names of the system call tables, as Tetragon writes them. */
const nativeAbi = process.arch === 'arm64' ? 'arm64' : 'x64';
const compatAbi = process.arch === 'arm64' ? 'arm32' : 'i386';
