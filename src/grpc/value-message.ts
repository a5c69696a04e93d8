import { addressText } from '../events/address.ts';
import { permissionText } from '../events/file-mode.ts';
import { abiName } from '../events/json/value-json.ts';
import { capabilityName, familyName, protocolName, socketTypeName, stateName } from '../events/names.ts';
import type { TextRange } from '../events/processes/process.ts';
import type { EventValue, FileValue, SockaddrValue, SockValue } from '../events/values.ts';
import { writeCredentialsArgument, writeUserNamespace } from './credentials-message.ts';
import type { ProtobufWriter } from './protobuf-writer.ts';

/** Writes an argument or return value as the field `field` of type `KprobeArgument`. */
export function writeArgument(writer: ProtobufWriter, field: number, value: EventValue, label: string): void {
  const start = writer.open(field);
  writeValue(writer, value);
  writer.string(fields.label, label);
  writer.close(start);
}

function writeValue(writer: ProtobufWriter, value: EventValue): void {
  switch (value.kind) {
    case 'error':
      writeMessage(writer, fields.error, () => writer.string(1, value.message));
      break;
    case 'int':
      writer.presentInt(fields.int, value.value);
      break;
    case 'uint':
      writer.presentUint(fields.uint, value.value);
      break;
    case 'long':
      writer.presentUint64(fields.long, value.low, value.high);
      break;
    case 'size':
      writer.presentUint64(fields.size, value.low, value.high);
      break;
    case 'string':
      writer.presentText(fields.string, value.text.bytes, value.text.start, value.text.end);
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
      writeMessage(writer, fields.credentials, () => writeCredentialsArgument(writer, value.credentials));
      break;
    case 'userNamespace':
      writeMessage(writer, fields.userNamespace, () => writeUserNamespace(writer, value.userNamespace));
      break;
    case 'capability':
      writeMessage(writer, fields.capability, () => {
        writeMessage(writer, 1, () => {
          if (value.value !== 0) writer.presentInt(1, value.value);
        });
        writer.string(2, capabilityName(value.value));
      });
      break;
    case 'bytes':
      writeBytes(writer, value.bytes, value.size);
      break;
    case 'syscall':
      writeMessage(writer, fields.syscall, () => {
        writer.uint(1, value.id);
        writer.string(2, abiName(value.compat));
      });
      break;
    default:
      value satisfies never;
  }
}

function writeBytes(writer: ProtobufWriter, { bytes, start, end }: TextRange, size: number): void {
  const content = bytes.subarray(start, end);
  if (size <= content.length) {
    writeMessage(writer, fields.bytes, () => writer.raw(content));
    return;
  }
  writeMessage(writer, fields.truncatedBytes, () => {
    writeMessage(writer, 1, () => writer.raw(content));
    writer.uint(2, size);
  });
}

function writeMessage(writer: ProtobufWriter, field: number, write: () => void): void {
  const start = writer.open(field);
  write();
  writer.close(start);
}

function writeFile(writer: ProtobufWriter, value: FileValue): void {
  const { path } = value;
  /* KprobeLinuxBinprm has no `mount`, so its fields come one earlier. */
  const shift = value.kind === 'linux_binprm' ? 0 : 1;
  const start = writer.open(fields[value.kind]);
  if (path.end > path.start) {
    const text = writer.open(1 + shift);
    writer.append(path.bytes, path.start, path.end);
    if (value.deleted) writer.appendAscii(' (deleted)');
    writer.close(text);
  }
  if (value.unresolved) writer.string(2 + shift, 'unresolvedPathComponents');
  writer.string(3 + shift, permissionOf(value.mode));
  writer.close(start);
}

function permissionOf(mode: number): string {
  const relevant = mode & 0xffff;
  permissions[relevant] ??= permissionText(relevant);
  return permissions[relevant];
}

function writeSock(writer: ProtobufWriter, value: SockValue): void {
  const start = writer.open(fields.sock);
  writer.string(1, familyName(value.family));
  writer.string(2, socketTypeName(value.type));
  writer.string(3, protocolName(value.protocol));
  writer.uint(4, value.mark);
  writer.uint(5, value.priority);
  writer.string(6, addressText(value.family, value.saddr));
  writer.string(7, addressText(value.family, value.daddr));
  writer.uint(8, value.sport);
  writer.uint(9, value.dport);
  writer.uint64(10, value.cookieLow, value.cookieHigh);
  writer.string(11, stateName(value.state));
  writer.close(start);
}

function writeSockaddr(writer: ProtobufWriter, value: SockaddrValue): void {
  const start = writer.open(fields.sockaddr);
  writer.string(1, familyName(value.family));
  writer.string(2, addressText(value.family, value.address));
  writer.uint(3, value.port);
  writer.close(start);
}

/** Field numbers of `KprobeArgument` (`api/tetragon/tetragon.proto`). */
const fields = {
  string: 1,
  int: 2,
  size: 4,
  bytes: 5,
  path: 6,
  file: 7,
  truncatedBytes: 8,
  sock: 9,
  long: 11,
  uint: 15,
  capability: 17,
  label: 18,
  credentials: 19,
  userNamespace: 20,
  linux_binprm: 26,
  syscall: 29,
  sockaddr: 30,
  error: 32,
} as const;

const permissions: string[] = [];
