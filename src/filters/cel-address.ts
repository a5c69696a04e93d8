import type { Environment } from '@marcbachmann/cel-js/evaluator';
import { addressText } from '../events/address.ts';
import { wholeRange } from '../events/processes/process.ts';
import { compareBytes } from '../policy/bytes.ts';
import { maskAddress, parseNetwork } from '../policy/operand-networks.ts';

/** An address as CEL's `ip()` makes it. */
class IpAddress {
  /** 4 or 16, in network order. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  static parse(text: string): IpAddress {
    const network = text.includes('/') ? undefined : parseNetwork(text);
    if (network === undefined || isMapped(network.address))
      throw new Error(`${JSON.stringify(text)} is not an address`);
    return new IpAddress(network.address);
  }

  get text(): string {
    return addressText(this.bytes.length === 4 ? AF_INET : AF_INET6, wholeRange(Buffer.from(this.bytes)));
  }

  equals(other: IpAddress): boolean {
    return this.bytes.length === other.bytes.length && compareBytes(this.bytes, other.bytes) === 0;
  }

  isIn(networks: readonly Cidr[]): boolean {
    return networks.some((network) => network.contains(this));
  }
}

/** A network as CEL's `cidr()` makes it; its address may have bits behind the prefix. */
class Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;

  constructor(address: IpAddress, prefixLength: number) {
    this.address = address;
    this.prefixLength = prefixLength;
  }

  static parse(text: string): Cidr {
    const network = text.includes('/') ? parseNetwork(text) : undefined;
    if (network === undefined || isMapped(network.address)) throw new Error(`${JSON.stringify(text)} is not a network`);
    return new Cidr(new IpAddress(network.address), network.prefixLength);
  }

  get text(): string {
    return `${this.address.text}/${this.prefixLength}`;
  }

  get masked(): Cidr {
    return new Cidr(new IpAddress(maskAddress(this.address.bytes, this.prefixLength)), this.prefixLength);
  }

  contains({ bytes }: IpAddress): boolean {
    return new IpAddress(maskAddress(bytes, this.prefixLength)).equals(this.masked.address);
  }

  containsNetwork({ address, prefixLength }: Cidr): boolean {
    return prefixLength >= this.prefixLength && this.contains(address);
  }

  equals(other: Cidr): boolean {
    return this.prefixLength === other.prefixLength && this.address.equals(other.address);
  }
}

/** Adds the functions about addresses that Kubernetes has in CEL, except `ip.isCanonical()`. */
export function registerAddressFunctions(environment: Environment): Environment {
  registerAddresses(environment);
  registerNetworks(environment);
  return environment;
}

function registerAddresses(environment: Environment): void {
  environment
    .registerType('net.IP', { ctor: IpAddress, fields: {} })
    .registerFunction('ip(string): net.IP', (text: string) => IpAddress.parse(text))
    .registerFunction('isIP(string): bool', (text: string) => succeeds(() => IpAddress.parse(text)))
    .registerFunction('string(net.IP): string', (ip: IpAddress) => ip.text)
    .registerFunction('net.IP.family(): int', (ip: IpAddress) => (ip.bytes.length === 4 ? 4n : 6n))
    .registerOperator('net.IP == net.IP', (left: IpAddress, right: IpAddress) => left.equals(right));
  for (const [name, networks] of Object.entries(kinds)) {
    const parsed = networks.map((text) => Cidr.parse(text));
    environment.registerFunction(`net.IP.${name}(): bool`, (ip: IpAddress) => ip.isIn(parsed));
  }
  const others = notGlobal.map((text) => Cidr.parse(text));
  environment.registerFunction('net.IP.isGlobalUnicast(): bool', (ip: IpAddress) => !ip.isIn(others));
}

function registerNetworks(environment: Environment): void {
  environment
    .registerType('net.CIDR', { ctor: Cidr, fields: {} })
    .registerFunction('cidr(string): net.CIDR', (text: string) => Cidr.parse(text))
    .registerFunction('isCIDR(string): bool', (text: string) => succeeds(() => Cidr.parse(text)))
    .registerFunction('string(net.CIDR): string', (cidr: Cidr) => cidr.text)
    .registerFunction('net.CIDR.containsIP(net.IP): bool', (cidr: Cidr, ip: IpAddress) => cidr.contains(ip))
    .registerFunction('net.CIDR.containsIP(string): bool', (cidr: Cidr, ip: string) =>
      cidr.contains(IpAddress.parse(ip)),
    )
    .registerFunction('net.CIDR.containsCIDR(net.CIDR): bool', (cidr: Cidr, inner: Cidr) => cidr.containsNetwork(inner))
    .registerFunction('net.CIDR.containsCIDR(string): bool', (cidr: Cidr, inner: string) =>
      cidr.containsNetwork(Cidr.parse(inner)),
    )
    .registerFunction('net.CIDR.ip(): net.IP', (cidr: Cidr) => cidr.address)
    .registerFunction('net.CIDR.masked(): net.CIDR', (cidr: Cidr) => cidr.masked)
    .registerFunction('net.CIDR.prefixLength(): int', (cidr: Cidr) => BigInt(cidr.prefixLength))
    .registerOperator('net.CIDR == net.CIDR', (left: Cidr, right: Cidr) => left.equals(right));
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

/** ::ffff:0:0/96: an IPv4 address in another form, which Kubernetes refuses. */
function isMapped(address: Uint8Array): boolean {
  return address.length === 16 && compareBytes(address.subarray(0, 12), mappedPrefix) === 0;
}

const mappedPrefix = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
const AF_INET = 2;
const AF_INET6 = 10;

const kinds = {
  isUnspecified: ['0.0.0.0/32', '::/128'],
  isLoopback: ['127.0.0.0/8', '::1/128'],
  isLinkLocalMulticast: ['224.0.0.0/24', 'ff02::/16'],
  isLinkLocalUnicast: ['169.254.0.0/16', 'fe80::/10'],
} as const;
/** What is in none of these is global, also private addresses, as in Go. */
const notGlobal = [
  ...kinds.isUnspecified,
  ...kinds.isLoopback,
  ...kinds.isLinkLocalUnicast,
  '224.0.0.0/4',
  'ff00::/8',
  '255.255.255.255/32',
];
