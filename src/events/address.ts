import type { TextRange } from './processes/process.ts';

/**
 * An IPv4 or IPv6 address as text, empty for other families. IPv6 is in canonical form (RFC 5952) except that an
 * IPv4-mapped address is written as IPv4, as Go's `net.IP` and so Tetragon does.
 */
export function addressText(family: number, address: TextRange): string {
  if (family === AF_INET) return ipv4Text(address.bytes, address.start);
  if (family !== AF_INET6) return '';
  return isMapped(address) ? ipv4Text(address.bytes, address.start + 12) : ipv6Text(address);
}

function ipv4Text(bytes: Buffer, start: number): string {
  return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
}

function ipv6Text(address: TextRange): string {
  const groups: number[] = [];
  for (let index = 0; index < 8; index++) groups.push(address.bytes.readUInt16BE(address.start + index * 2));
  const gap = longestZeroRun(groups);
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (gap.length < 2) return text(0, 8);
  return `${text(0, gap.start)}::${text(gap.start + gap.length, 8)}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index < groups.length; index++) {
    if (groups[index] !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}

/** ::ffff:0:0/96 */
function isMapped({ bytes, start }: TextRange): boolean {
  for (let index = 0; index < 10; index++) {
    if (bytes[start + index] !== 0) return false;
  }
  return bytes[start + 10] === 0xff && bytes[start + 11] === 0xff;
}

const AF_INET = 2;
const AF_INET6 = 10;
