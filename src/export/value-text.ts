import { addressText } from '../events/address.ts';
import { capabilityName, familyName, protocolName } from '../events/names.ts';
import { textOf } from '../events/processes/process.ts';
import type { EventValue, SockValue } from '../events/values.ts';
import { quoted } from './printable.ts';

/** An argument in one word or a few, for humans. */
export function valueText(value: EventValue): string {
  switch (value.kind) {
    case 'error':
      return `<${value.message}>`;
    case 'int':
    case 'uint':
      return String(value.value);
    case 'long':
      return String(BigInt.asIntN(64, wideValue(value)));
    case 'size':
      return String(wideValue(value));
    case 'string':
      return quoted(textOf(value.text));
    case 'file':
    case 'path':
    case 'linux_binprm':
      return quoted(textOf(value.path) + (value.deleted ? ' (deleted)' : ''));
    case 'sock':
      return socketText(value);
    case 'sockaddr': {
      const address = addressText(value.family, value.address);
      return address === '' ? familyName(value.family) : endpoint(address, value.port);
    }
    case 'credentials': {
      const { uid, euid, gid, egid } = value.credentials;
      return `uid=${uid} euid=${euid} gid=${gid} egid=${egid}`;
    }
    case 'userNamespace':
      return `level=${value.userNamespace.level} owner=${value.userNamespace.owner}`;
    case 'capability':
      return capabilityName(value.value);
    case 'bytes':
      return quoted(textOf(value.bytes)) + (value.size > value.bytes.end - value.bytes.start ? '…' : '');
    case 'syscall':
      return String(value.id);
    default:
      return value satisfies never;
  }
}

/** `tcp 127.0.0.1:45414 -> 127.0.0.1:5555` */
export function socketText(value: SockValue): string {
  const source = addressText(value.family, value.saddr);
  if (source === '') return familyName(value.family);
  const protocol = protocolName(value.protocol)
    .replace(/^IPPROTO_/, '')
    .toLowerCase();
  const destination = addressText(value.family, value.daddr);
  return `${protocol} ${endpoint(source, value.sport)} -> ${endpoint(destination, value.dport)}`;
}

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function wideValue(value: { readonly low: number; readonly high: number }): bigint {
  return (BigInt(value.high) << 32n) | BigInt(value.low);
}
