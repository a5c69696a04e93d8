import { BlockList, isIP } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js/evaluator';

/** An address as CEL's `ip()` makes it. */
class IpAddress {
  readonly text: string;
  readonly family: 'ipv4' | 'ipv6';

  constructor(text: string) {
    const version = isIP(text);
    if (version === 0) throw new Error(`${JSON.stringify(text)} is not an address`);
    this.text = text;
    this.family = version === 4 ? 'ipv4' : 'ipv6';
  }
}

/** A network as CEL's `cidr()` makes it. */
class Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly #list = new BlockList();

  constructor(text: string) {
    const [address, length, ...rest] = text.split('/');
    this.address = new IpAddress(address ?? '');
    this.prefixLength = /^\d{1,3}$/.test(length ?? '') && rest.length === 0 ? Number(length) : Number.NaN;
    if (!(this.prefixLength <= (this.address.family === 'ipv4' ? 32 : 128)))
      throw new Error(`${JSON.stringify(text)} is not a network`);
    this.#list.addSubnet(this.address.text, this.prefixLength, this.address.family);
  }

  contains({ text, family }: IpAddress): boolean {
    return family === this.address.family && this.#list.check(text, family);
  }
}

/** Adds the functions about addresses that Kubernetes has in CEL, as far as filters of events have a use for them. */
export function registerAddressFunctions(environment: Environment): Environment {
  const holds = <Value>(make: (text: string) => Value, text: string): boolean => {
    try {
      make(text);
      return true;
    } catch {
      return false;
    }
  };
  return environment
    .registerType('net.IP', { ctor: IpAddress, fields: {} })
    .registerType('net.CIDR', { ctor: Cidr, fields: {} })
    .registerFunction('ip(string): net.IP', (text: string) => new IpAddress(text))
    .registerFunction('cidr(string): net.CIDR', (text: string) => new Cidr(text))
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0)
    .registerFunction('isCIDR(string): bool', (text: string) => holds((value) => new Cidr(value), text))
    .registerFunction('net.CIDR.containsIP(net.IP): bool', (cidr: Cidr, ip: IpAddress) => cidr.contains(ip))
    .registerFunction('net.CIDR.containsIP(string): bool', (cidr: Cidr, ip: string) => cidr.contains(new IpAddress(ip)))
    .registerFunction('net.CIDR.containsCIDR(string): bool', (cidr: Cidr, text: string) => {
      const inner = new Cidr(text);
      return inner.prefixLength >= cidr.prefixLength && cidr.contains(inner.address);
    })
    .registerFunction('net.CIDR.prefixLength(): int', (cidr: Cidr) => BigInt(cidr.prefixLength))
    .registerFunction('net.IP.family(): int', (ip: IpAddress) => (ip.family === 'ipv4' ? 4n : 6n))
    .registerFunction('net.IP.isLoopback(): bool', (ip: IpAddress) => loopback.contains(ip) || ip.text === '::1')
    .registerFunction('net.IP.isUnspecified(): bool', (ip: IpAddress) => ip.text === '0.0.0.0' || ip.text === '::');
}

const loopback = new Cidr('127.0.0.0/8');
