import { expect, test } from 'vitest';
import { interpret } from '../../test/filter/interpreter.ts';
import { Random } from '../../test/filter/random.ts';
import { FunctionBuilder, R0 } from '../ebpf/function-builder.ts';
import type { BuiltFunction } from '../ebpf/instruction.ts';
import { mergeRanges, type Range } from '../policy/operand-ranges.ts';
import { emitNumberTree } from './number-tree.ts';

const min64 = -(1n << 63n);
const max64 = (1n << 63n) - 1n;
const maxUnsigned = (1n << 64n) - 1n;

/** R0 becomes one bit for each set that holds the number in R8. */
function treeOf(sets: readonly (readonly Range[])[], signed: boolean): BuiltFunction {
  const code = new FunctionBuilder('numbers').movImm(R0, 0);
  const numbered = sets.map((ranges, index) => ({ ranges, hit: 1n << BigInt(index), source: undefined }));
  const emitHits = (to: FunctionBuilder, hits: readonly bigint[]) => {
    to.loadImm(
      R0,
      hits.reduce((bits, bit) => bits | bit, 0n),
    );
  };
  emitNumberTree(code, numbered, { signed, emitHits, hitWeight: 2, branches: undefined });
  code.exit();
  return code.build();
}

function run(tree: BuiltFunction, number: bigint): { hits: number[]; steps: number } {
  const { registers, steps } = interpret(tree, Buffer.alloc(0), { 8: BigInt.asUintN(64, number) });
  const bits = registers[0]!;
  return { hits: [...Array(62).keys()].filter((bit) => (bits >> BigInt(bit)) & 1n), steps };
}

function check(
  signed: boolean,
  sets: readonly (readonly (readonly [bigint, bigint])[])[],
  calls: readonly (readonly [bigint, number[]])[],
): void {
  const tree = treeOf(
    sets.map((ranges) => ranges.map(([min, max]) => ({ min, max }))),
    signed,
  );
  for (const [number, hits] of calls) expect({ number, hits: run(tree, number).hits }).toEqual({ number, hits });
}

test('one number is compared for equality', () => {
  check(
    true,
    [[[5n, 5n]]],
    [
      [4n, []],
      [5n, [0]],
      [6n, []],
      [-5n, []],
    ],
  );
  check(
    true,
    [[[min64, min64]]],
    [
      [min64, [0]],
      [min64 + 1n, []],
      [max64, []],
    ],
  );
  check(
    false,
    [[[maxUnsigned, maxUnsigned]]],
    [
      [maxUnsigned, [0]],
      [0n, []],
      [1n << 63n, []],
    ],
  );
  check(
    false,
    [[[0x8000_0000n, 0x8000_0000n]]],
    [
      [0x8000_0000n, [0]],
      [0xffff_ffff_8000_0000n, []],
      [0x7fff_ffffn, []],
    ],
  );
});

test('ranges that overlap, touch and enclose one another', () => {
  check(
    true,
    [
      [[-10n, 10n]],
      [[0n, 20n]],
      [[11n, 11n]],
      [
        [-3n, -2n],
        [5n, 6n],
      ],
    ],
    [
      [-11n, []],
      [-10n, [0]],
      [-3n, [0, 3]],
      [-1n, [0]],
      [0n, [0, 1]],
      [5n, [0, 1, 3]],
      [7n, [0, 1]],
      [10n, [0, 1]],
      [11n, [1, 2]],
      [12n, [1]],
      [21n, []],
    ],
  );
});

test('the whole domain, and its halves', () => {
  check(
    true,
    [[[min64, max64]], [[min64, -1n]], [[0n, max64]]],
    [
      [min64, [0, 1]],
      [-1n, [0, 1]],
      [0n, [0, 2]],
      [max64, [0, 2]],
    ],
  );
  check(
    false,
    [[[0n, maxUnsigned]], [[1n << 63n, maxUnsigned]]],
    [
      [0n, [0]],
      [max64, [0]],
      [1n << 63n, [0, 1]],
      [maxUnsigned, [0, 1]],
    ],
  );
});

test('sets without numbers', () => {
  check(true, [[]], [[0n, []]]);
  check(
    false,
    [[], [[1n, 1n]]],
    [
      [0n, []],
      [1n, [1]],
    ],
  );
});

test('random ranges hold the numbers they should', () => {
  const random = new Random(2);
  for (let round = 0; round < 200; round++) {
    const signed = random.chance(50);
    const number = () => {
      const small = BigInt(random.between(0, 30));
      return signed
        ? random.pick([small - 15n, small, min64 + small, max64 - small])
        : random.pick([small, (1n << 63n) - 10n + small, maxUnsigned - small]);
    };
    const range = () => {
      const [first, second] = [number(), number()];
      return first < second ? { min: first, max: second } : { min: second, max: first };
    };
    const sets = Array.from({ length: random.between(1, 8) }, () =>
      mergeRanges(Array.from({ length: random.below(6) }, range)),
    );
    const tree = treeOf(sets, signed);
    for (let call = 0; call < 30; call++) {
      const value = number();
      const expected = [...sets.keys()].filter((index) =>
        sets[index]!.some(({ min, max }) => value >= min && value <= max),
      );
      expect({ value, hits: run(tree, value).hits }).toEqual({ value, hits: expected });
    }
  }
});

test('a thousand numbers are searched in logarithmic time', () => {
  const ranges = Array.from({ length: 1000 }, (_, index) => ({ min: BigInt(3 * index), max: BigInt(3 * index) }));
  const tree = treeOf([ranges], false);
  for (const number of [0n, 1n, 1500n, 2997n, 5000n]) expect(run(tree, number).steps).toBeLessThan(40);
});
