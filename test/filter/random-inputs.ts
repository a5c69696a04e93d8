import { parseInteger } from '../../src/policy/integer-text.ts';
import { familyNumbers, fileTypeNumbers, protocolNumbers, stateNumbers } from '../../src/policy/network-names.ts';
import { parseNetwork } from '../../src/policy/operand-networks.ts';
import type { InputValue } from '../../src/policy/reference-evaluator.ts';
import { parameterCount } from './parameters.ts';
import type { Random } from './random.ts';
import type { PolicySource } from './random-policies.ts';
import type { FilterFields, FilterSketch, PlanSketch, SelectorSketch } from './sketch.ts';

/** One call of the hooked function. */
export interface TestInput {
  /** By parameter. Numbers are whole registers: the bits above an argument's type are noise. */
  readonly values: readonly InputValue[];
  /** Path of the calling program; empty: the process is not known. */
  readonly binary: Uint8Array;
}

type Socket = Extract<InputValue, { kind: 'socket' }>;

/** Makes calls that one of the policies is about, or nearly. */
export class InputGenerator {
  readonly #source: PolicySource;
  readonly #selectors: readonly SelectorSketch[];
  readonly #filtersByParameter: readonly (readonly FilterFields[])[];
  readonly #binaries: readonly string[];
  #binary: Uint8Array = new Uint8Array(0);

  constructor(source: PolicySource, sketch: PlanSketch) {
    this.#source = source;
    this.#selectors = sketch.policies.flatMap(({ hooks }) => hooks.flatMap(({ selectors }) => selectors));
    const filters = this.#selectors.flatMap((selector) => selector.filters);
    const onArguments = filters.filter(({ list }) => list === 'matchArgs').map(({ fields }) => fields);
    this.#filtersByParameter = source.parameters.map((_, index) =>
      onArguments.filter((fields) => fields.index === index),
    );
    this.#binaries = filters.flatMap(({ list, fields }) => (list === 'matchBinaries' ? fields.values.map(String) : []));
  }

  next(): TestInput {
    const { random } = this.#source;
    const aims = this.#selectors.length > 0 ? random.pick(this.#selectors).filters : [];
    if (random.chance(40)) this.#binary = this.#randomBinary(aims);
    const values = Array.from({ length: parameterCount }, (_, index) => this.#randomValue(index, aims));
    return { values, binary: this.#binary };
  }

  #randomBinary(aims: readonly FilterSketch[]): Uint8Array {
    const { random, pools } = this.#source;
    if (random.chance(10)) return new Uint8Array(0);
    const aim = aims.find(({ list }) => list === 'matchBinaries');
    const known =
      this.#binaries.length > 0 && random.chance(80) ? random.pick(this.#binaries) : random.pick(pools.paths);
    const start = encode(known);
    const binary = aim === undefined ? nearText(random, start) : aimedText(random, aim.fields, start);
    return random.chance(3) ? joinBytes(binary, randomBytes(random, random.between(500, 600))) : binary;
  }

  #randomValue(index: number, aims: readonly FilterSketch[]): InputValue {
    const { random, parameters } = this.#source;
    const parameter = parameters[index];
    if (parameter === undefined) return { kind: 'integer', value: random.word() };
    if (parameter.shape !== 'number' && random.chance(4)) return { kind: 'unreadable' };
    const aimed = aims
      .filter(({ list, fields }) => list === 'matchArgs' && fields.index === index)
      .map(({ fields }) => fields);
    const known = this.#filtersByParameter[index]!;
    const filters = aimed.length > 0 ? aimed : known.length > 0 && random.chance(90) ? [random.pick(known)] : [];
    switch (parameter.shape) {
      case 'number':
        return { kind: 'integer', value: this.#randomNumber(filters.at(-1)) };
      case 'text':
        return { kind: 'string', value: this.#randomText(filters, this.#source.pools.texts) };
      case 'path':
        return {
          kind: 'path',
          value: this.#randomText(filters, this.#source.pools.paths),
          mode: this.#randomMode(filters),
        };
      case 'socket':
      case 'sockaddr':
        return filters.reduce((socket, fields) => aimSocket(random, socket, fields), this.#randomSocket());
      default:
        return parameter.shape satisfies never;
    }
  }

  #randomNumber(aim: FilterFields | undefined): bigint {
    const { random } = this.#source;
    if (aim === undefined || random.chance(10)) return random.word();
    const ends = String(random.pick(aim.values))
      .split(':')
      .map((text) => parseInteger(text)!);
    const between = ends[0]! + ((ends.at(-1)! - ends[0]!) >> BigInt(random.between(0, 4)));
    const number = random.pick([...ends, ...ends, between, ends[0]! - 1n, ends.at(-1)! + 1n]);
    const kept = aim.operator === 'Mask' && random.chance(60) ? number & random.word() : number;
    return BigInt.asUintN(64, random.chance(40) ? withNoiseAbove(random, kept) : kept);
  }

  #randomText(filters: readonly FilterFields[], pool: readonly string[]): Uint8Array {
    const { random } = this.#source;
    const compared = filters.filter(({ operator }) => !operator.endsWith('FileType'));
    if (compared.length === 0) return nearText(random, encode(random.pick(pool)));
    const start = random.chance(50) ? new Uint8Array(0) : randomBytes(random, random.between(0, 12));
    return compared.reduce((text, fields) => aimedText(random, fields, text), start).subarray(0, longestText);
  }

  #randomMode(filters: readonly FilterFields[]): number {
    const { random } = this.#source;
    const aim = filters.find(({ operator }) => operator.endsWith('FileType'));
    const name =
      aim !== undefined && random.chance(60)
        ? String(random.pick(aim.values))
        : random.pick([...fileTypeNumbers.keys()]);
    return fileTypeNumbers.get(name)! | random.between(1, 0o777);
  }

  #randomSocket(): Socket {
    const { random } = this.#source;
    return {
      kind: 'socket',
      family: random.pick([2, 2, 2, 10, 10, 10, 0, 1, 16, 45]),
      saddr: random.bytes(16),
      daddr: random.bytes(16),
      sport: random.pick(this.#source.pools.ports),
      dport: random.pick(this.#source.pools.ports),
      protocol: random.pick([6, 6, 17, 1, 255, 262]),
      state: random.between(0, 13),
    };
  }
}

/** As the real reader of a `struct sockaddr` gives it: it knows the port of IPv4 and IPv6 only. */
export function withoutUnreadPorts(input: TestInput): TestInput {
  const values = input.values.map((value): InputValue => {
    const isUnread = value.kind === 'socket' && value.family !== 2 && value.family !== 10;
    return isUnread ? { ...value, sport: 0 } : value;
  });
  return { ...input, values };
}

/** STRING_SIZE with its NUL. */
const longestText = 4095;

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const likelyBytes = Buffer.from('aaab//.\xff', 'latin1');

/** Without NUL; often not UTF-8. */
function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    bytes[index] = random.chance(85) ? likelyBytes[random.below(likelyBytes.length)]! : random.between(1, 255);
  }
  return bytes;
}

/** A text that the filter's values match, or nearly; `text` becomes its other end where the operator leaves one open. */
function aimedText(random: Random, { operator, values }: FilterFields, text: Uint8Array): Uint8Array {
  const value = encode(String(random.pick(values)));
  if (random.chance(30)) return nearText(random, value);
  if (operator.endsWith('Prefix')) return joinBytes(value, text);
  return operator.endsWith('Postfix') ? joinBytes(text, value) : value;
}

/** The text itself, or what differs from it by little. */
function nearText(random: Random, text: Uint8Array): Uint8Array {
  const at = text.length > 0 ? random.below(text.length) : 0;
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(at);
    case 2:
      return joinBytes(text, randomBytes(random, random.between(1, 10)));
    case 3:
      return joinBytes(randomBytes(random, random.between(1, 10)), text);
    case 4:
      return changedAt(text, at, random.between(1, 255));
    default:
      return text;
  }
}

function changedAt(text: Uint8Array, at: number, byte: number): Uint8Array {
  const changed = text.slice();
  if (at < changed.length) changed[at] = byte;
  return changed;
}

/** Other bits above a width that some integer type has. */
function withNoiseAbove(random: Random, value: bigint): bigint {
  const width = random.pick([8, 16, 32]);
  return BigInt.asUintN(width, value) | ((random.word() >> BigInt(width)) << BigInt(width));
}

function aimSocket(random: Random, socket: Socket, { operator, values }: FilterFields): Socket {
  if (random.chance(15)) return socket;
  const value = values.length > 0 ? String(random.pick(values)) : '0:1023';
  switch (operator.replace(/^Not/, '').replace(/Priv$/, '')) {
    case 'SAddr':
      return { ...socket, ...aimAddress(random, value, 'saddr') };
    case 'DAddr':
      return { ...socket, ...aimAddress(random, value, 'daddr') };
    case 'SPort':
      return { ...socket, sport: aimNumber(random, value, new Map(), 65535) };
    case 'DPort':
      return { ...socket, dport: aimNumber(random, value, new Map(), 65535) };
    case 'Protocol':
      return { ...socket, protocol: aimNumber(random, value, protocolNumbers, 65535) };
    case 'Family':
      return { ...socket, family: aimNumber(random, value, familyNumbers, 65535) };
    case 'State':
      return { ...socket, state: aimNumber(random, value, stateNumbers, 255) };
    default:
      throw new Error(`the test knows no sockets for ${operator}`);
  }
}

/** An address of the network with random host bits, or with one bit of it turned around. */
function aimAddress(random: Random, text: string, field: 'saddr' | 'daddr'): Partial<Socket> {
  const { family, address, prefixLength } = parseNetwork(text)!;
  const bytes = random.bytes(16);
  for (let bit = 0; bit < prefixLength; bit++) copyBit(bytes, address, bit);
  if (random.chance(35)) flipBit(bytes, random.pick([random.below(address.length * 8), Math.max(prefixLength - 1, 0)]));
  return { family: random.chance(92) ? (family === 4 ? 2 : 10) : random.pick([0, 2, 10]), [field]: bytes };
}

function copyBit(to: Uint8Array, from: Uint8Array, bit: number): void {
  if (((to[bit >> 3]! ^ from[bit >> 3]!) >> (7 - (bit & 7))) & 1) flipBit(to, bit);
}

function flipBit(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = bytes[bit >> 3]! ^ (0x80 >> (bit & 7));
}

function aimNumber(random: Random, text: string, names: ReadonlyMap<string, number>, greatest: number): number {
  const ends = text.split(':').map((end) => names.get(end) ?? Number(end));
  const number = random.pick([...ends, ...ends, (ends[0]! + ends.at(-1)!) >> 1, ends[0]! - 1, ends.at(-1)! + 1]);
  return Math.min(Math.max(number, 0), greatest);
}
