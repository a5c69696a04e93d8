import { domainOf } from '../../src/policy/argument-types.ts';
import { maxStringLength } from '../../src/policy/operand-strings.ts';
import type { IntegerType } from './parameters.ts';
import type { Random } from './random.ts';

/** What the policies of one plan draw their values from: few and alike, so that they nest, overlap and collide. */
export interface Pools {
  readonly texts: readonly string[];
  readonly paths: readonly string[];
  readonly numbers: Readonly<Record<IntegerType, readonly bigint[]>>;
  readonly networks: readonly string[];
  readonly ports: readonly number[];
  /** Negative errno values. */
  readonly errors: readonly number[];
}

/** Around the 8-byte words of the decision tree. */
const lengths = [0, 1, 2, 3, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 23, 24, 25, 31, 32, 33, 39, 40] as const;
const characters = ['a', 'a', 'b', '/', '/', '.', 'é', '\u{1f600}', '\x7f', ' '] as const;

export function randomPools(random: Random): Pools {
  const numbers = (type: IntegerType) => randomNumbers(random, type);
  return {
    texts: randomTexts(random, ''),
    paths: randomTexts(random, '/'),
    numbers: {
      sint8: numbers('sint8'),
      sint16: numbers('sint16'),
      sint32: numbers('sint32'),
      sint64: numbers('sint64'),
      uint8: numbers('uint8'),
      uint16: numbers('uint16'),
      uint32: numbers('uint32'),
      uint64: numbers('uint64'),
      syscall64: numbers('syscall64'),
    },
    networks: [...randomNetworks4(random), ...randomNetworks6(random)],
    ports: [0, 22, 80, 443, 1023, 1024, 65535, ...Array.from({ length: 4 }, () => random.below(65536))],
    errors: Array.from({ length: random.pick([1, 2, 5, 40]) }, (_, index) => -1 - index),
  };
}

function randomTexts(random: Random, start: string): string[] {
  const texts = [start, start + randomText(random, random.pick(lengths))];
  const count = random.between(4, 16);
  while (texts.length < count) {
    const base = random.pick(texts);
    const end = randomText(random, random.pick(lengths));
    const keep = [...base].slice(0, random.below(base.length + 1)).join('');
    texts.push(random.pick([base + end, start + end + base, keep, start + end]));
  }
  if (random.chance(15)) texts.push(start + randomText(random, random.between(60, 300)));
  if (random.chance(3)) texts.push(start + randomText(random, random.pick([1500, 4080])));
  return texts.filter((text) => Buffer.byteLength(text) <= maxStringLength);
}

/** Of `length` bytes, or a few more. */
function randomText(random: Random, length: number): string {
  const parts: string[] = [];
  for (let bytes = 0; bytes < length; bytes += Buffer.byteLength(parts.at(-1)!)) parts.push(random.pick(characters));
  return parts.join('');
}

/** Extremes of the type, its neighbours in narrower types, and a few numbers close together. */
function randomNumbers(random: Random, type: IntegerType): bigint[] {
  const { min, max, bits, signed } = domainOf(type);
  const wrap = (value: bigint) => (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
  const near = wrap(random.word());
  const edges = [0n, 1n, -1n, 0x7fn, 0x80n, 0xffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, -0x8000_0000n, 1n << 32n];
  const numbers = [min, max, near, near + 1n, near + 2n, near + 5n, 3n, 4n, 5n, wrap(random.word())].map(wrap);
  return [...numbers, ...random.picks(edges, 4).map(wrap)];
}

function randomNetworks4(random: Random): string[] {
  const base = [10, random.below(256), random.below(256), random.below(256)];
  return Array.from({ length: 8 }, () => {
    const address = base.map((byte, index) => (index > 0 && random.chance(30) ? random.below(256) : byte));
    const length = random.pick([0, 1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 30, 31, 32, 32]);
    return random.chance(30) ? address.join('.') : `${address.join('.')}/${length}`;
  });
}

function randomNetworks6(random: Random): string[] {
  const base = [0xfd00, random.below(65536), 0, 1, random.below(65536), 0, 0, random.below(65536)];
  return Array.from({ length: 8 }, () => {
    const groups = base.map((group, index) => (index > 0 && random.chance(20) ? random.below(65536) : group));
    const address = groups.map((group) => group.toString(16)).join(':');
    const length = random.pick([0, 1, 8, 16, 31, 32, 33, 48, 63, 64, 65, 96, 127, 128, 128]);
    return random.chance(30) ? address : `${address}/${length}`;
  });
}
