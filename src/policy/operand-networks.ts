import { compareBytes } from './bytes.ts';
import type { Report } from './finding.ts';
import type { SourceText } from './model.ts';

/** Addresses with the first `prefixLength` bits of `address` (4 or 16 bytes, network order, the other bits zero). */
export interface Network {
  readonly family: 4 | 6;
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** The networks of the values, sorted and unique; what is not one is left out and reported. */
export function allNetworks(values: readonly SourceText[], report: Report): Network[] {
  const networks = values.map((value) => networkValue(value, report)).filter((network) => network !== undefined);
  networks.sort(compareNetworks);
  return networks.filter((network, index) => index === 0 || compareNetworks(network, networks[index - 1]!) !== 0);
}

function compareNetworks(left: Network, right: Network): number {
  return (
    left.family - right.family || compareBytes(left.address, right.address) || left.prefixLength - right.prefixLength
  );
}

function networkValue(value: SourceText, report: Report): Network | undefined {
  const network = parseNetwork(value.text);
  if (network === undefined) {
    const message = `${JSON.stringify(value.text)} is not an IP address or network`;
    report.error(value.position, 'bad-address', message, 'Write for example "10.0.0.0/8", "192.0.2.1" or "fd00::/8".');
    return undefined;
  }
  const masked = maskAddress(network.address, network.prefixLength);
  if (compareBytes(masked, network.address) !== 0) {
    const message = `${JSON.stringify(value.text)} has bits set after the first ${network.prefixLength}, which are not compared`;
    report.warning(value.position, 'host-bits', message, 'Set them to zero, or make the prefix longer.');
  }
  return { ...network, address: masked };
}

/** Reads `address` or `address/length`, without masking. Strict: no zones, no leading zeros, no shortened IPv4. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const addressText = slash < 0 ? text : text.slice(0, slash);
  const family = addressText.includes(':') ? 6 : 4;
  const address = family === 6 ? parseIpv6(addressText) : parseIpv4(addressText);
  if (address === undefined) return undefined;
  const bits = address.length * 8;
  if (slash < 0) return { family, address, prefixLength: bits };
  const lengthText = text.slice(slash + 1);
  const prefixLength = Number(lengthText);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText) || prefixLength > bits) return undefined;
  return { family, address, prefixLength };
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const address = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address[index] = Number(part);
  }
  return address;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // "::" stands for at least one group.
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** Bytes of colon-separated groups; the last may be an IPv4 address when they end the text. */
function parseGroups(text: string, endsAddress: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (endsAddress && index === groups.length - 1 && group.includes('.')) {
      const embedded = parseIpv4(group);
      if (embedded === undefined) return undefined;
      bytes.push(...embedded);
      continue;
    }
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    const number = Number.parseInt(group, 16);
    bytes.push(number >> 8, number & 0xff);
  }
  return bytes;
}

/** The address with all bits behind the first `prefixLength` zero. */
export function maskAddress(address: Uint8Array, prefixLength: number): Uint8Array {
  return address.map((byte, index) => {
    const kept = Math.min(Math.max(prefixLength - index * 8, 0), 8);
    return byte & (0xff << (8 - kept));
  });
}
