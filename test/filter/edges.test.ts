import { afterAll, expect, test } from 'vitest';
import type { InputValue } from '../../src/policy/reference-evaluator.ts';
import { maxBinaryLength } from '../../src/policy/rules/match-binaries.ts';
import { Comparison } from './comparison.ts';
import type { TestParameter } from './parameters.ts';
import { type Setup, setUp } from './setup.ts';
import type { FilterSketch, SelectorSketch } from './sketch.ts';

/** Corners that random policies reach too rarely, or that once were wrong. */

let setup: Setup | undefined;
afterAll(() => setup?.[Symbol.dispose]());

interface Case {
  /** False: strings are read by the real readers, from the memory of the process. */
  readonly given?: boolean;
  readonly parameters?: readonly TestParameter[];
  /** Filters of each selector. */
  readonly selectors: readonly (readonly FilterSketch[])[];
  /** Values of the parameters (and the binary), with the selector that matches; undefined: none. */
  readonly calls: readonly (readonly [values: readonly InputValue[], selector: number | undefined, binary?: string])[];
}

function check(name: string, { given = true, parameters = [], selectors, calls }: Case): void {
  test(name, (context) => {
    setup ??= setUp(context);
    const { host, process } = setup;
    const args = parameters.map(({ types }, index) => ({ index, type: types[0]! }));
    const hook = {
      args,
      selectors: selectors.map((filters): SelectorSketch => ({ filters, noPost: false, override: undefined })),
    };
    const sketch = { policies: [{ name: 'edge', mode: 'enforce' as const, hooks: [hook] }], hostNamespaces: {} };
    using comparison = new Comparison(host, { parameters, sketch, process, given });
    for (const [values, selector, binary = ''] of calls) {
      const { expected, got } = comparison.run({ values, binary: Buffer.from(binary) });
      expect(got).toEqual({ matches: selector === undefined ? undefined : [selector], returnValue: 0 });
      expect(expected).toEqual(got);
    }
    expect(host.dirtyFrames()).toEqual([]);
  });
}

const byArgument = (index: number, operator: string, ...values: string[]): FilterSketch => ({
  list: 'matchArgs',
  fields: { index, operator, values },
});
const byBinary = (operator: string, ...values: string[]): FilterSketch => ({
  list: 'matchBinaries',
  fields: { operator, values },
});

const number = (type: TestParameter['types'][number]): TestParameter => ({ shape: 'number', types: [type] });
const string: TestParameter = { shape: 'text', types: ['string'] };
const file: TestParameter = { shape: 'path', types: ['file'] };
const sock: TestParameter = { shape: 'socket', types: ['sock'] };

const integer = (value: bigint): InputValue => ({ kind: 'integer', value });
const text = (value: string): InputValue => ({ kind: 'string', value: Buffer.from(value) });
const path = (value: string): InputValue => ({ kind: 'path', value: Buffer.from(value), mode: 0o100644 });
const unreadable: InputValue = { kind: 'unreadable' };
const socket = (family: number, ...address: number[]): InputValue => ({
  kind: 'socket',
  family,
  saddr: Uint8Array.from([...address, ...new Uint8Array(16)].slice(0, 16)),
  daddr: new Uint8Array(16),
  sport: 1,
  dport: 2,
  protocol: 6,
  state: 1,
});

check('a selector without filters ends the list', {
  parameters: [number('sint32')],
  selectors: [[byArgument(0, 'NotEqual', '5')], [], [byArgument(0, 'Equal', '5')], []],
  calls: [
    [[integer(4n)], 0],
    [[integer(5n)], 1],
  ],
});

check('a filter that no number passes', {
  parameters: [number('uint8')],
  selectors: [
    [byArgument(0, 'GreaterThan', '255')],
    [byArgument(0, 'GreaterThan', '255'), byArgument(0, 'NotEqual', '1')],
    [byArgument(0, 'LessThan', '9')],
  ],
  calls: [
    [[integer(8n)], 2],
    [[integer(255n)], undefined],
    [[integer(0x107n)], 2],
  ],
});

check('a filter that every number passes', {
  parameters: [number('sint8'), number('uint64')],
  selectors: [
    [byArgument(0, 'InRange', '-128:127'), byArgument(1, 'NotEqual', '0')],
    [byArgument(1, 'InRange', '0:0xffffffffffffffff')],
  ],
  calls: [
    [[integer(0x80n), integer(1n)], 0],
    [[integer(1n), integer(0n)], 1],
  ],
});

check('networks inside networks', {
  parameters: [sock],
  selectors: [[byArgument(0, 'SAddr', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3')]],
  calls: [
    [[socket(2, 10, 0, 0, 1)], 0],
    [[socket(2, 10, 1, 2, 3)], 0],
    [[socket(2, 10, 200, 0, 1)], 0],
    [[socket(2, 11, 0, 0, 0)], undefined],
  ],
});

check('the whole of IPv6 and of IPv4', {
  parameters: [sock],
  selectors: [[byArgument(0, 'SAddr', 'fd00::/8', '::/0', 'fe80::1')], [byArgument(0, 'SAddr', '0.0.0.0/0')]],
  calls: [
    [[socket(10, 1)], 0],
    [[socket(2, 1)], 1],
    [[socket(1, 1)], undefined],
    [[unreadable], undefined],
  ],
});

check('unreadable values pass negated filters only', {
  parameters: [string, file],
  selectors: [
    [byArgument(0, 'NotPrefix', ''), byArgument(1, 'Prefix', '/')],
    [byArgument(1, 'NotFileType', 'reg'), byArgument(1, 'NotEqual', '/a')],
    [byArgument(0, 'Prefix', '')],
  ],
  calls: [
    [[unreadable, path('/a')], 0],
    [[unreadable, unreadable], 1],
    [[text(''), path('/a')], 2],
  ],
});

check('postfixes longer than the string they are compared with', {
  parameters: [string, file],
  selectors: [
    [byArgument(0, 'Postfix', 'x'.repeat(4096), 'y'.repeat(4095))],
    [byArgument(1, 'Postfix', 'z'.repeat(4095))],
  ],
  calls: [
    [[text('x'), path('/z')], undefined],
    [[text('y'.repeat(4095)), path('/')], 0],
    [[text(''), path(`/${'z'.repeat(4094)}`)], undefined],
    [[text(''), path('z'.repeat(4095))], 1],
  ],
});

check('the longest strings', {
  parameters: [string, file],
  selectors: [
    [byArgument(0, 'Equal', 'x'.repeat(4095))],
    [byArgument(1, 'Equal', 'z'.repeat(4095))],
    [byArgument(1, 'Prefix', 'z'.repeat(4095))],
  ],
  calls: [
    [[text('x'.repeat(4095)), path('/')], 0],
    [[text('x'.repeat(4094)), path('z'.repeat(4095))], 1],
    [[text(''), path('z'.repeat(4094))], undefined],
  ],
});

check('eight strings at once', {
  parameters: Array.from({ length: 8 }, () => string),
  selectors: Array.from({ length: 8 }, (_, index) => [
    byArgument(index, 'Equal', `${index}`),
    byArgument(7 - index, 'Postfix', ''),
  ]),
  calls: Array.from({ length: 8 }, (_, index) => [
    Array.from({ length: 8 }, (_, other) => text(other === index ? `${index}` : '-')),
    index,
  ]),
});

const longest = `/${'b'.repeat(maxBinaryLength - 1)}`;
check('a binary whose path is longer than what is kept of it', {
  selectors: [[byBinary('In', longest)], [byBinary('Postfix', 'end')], [byBinary('Prefix', longest)]],
  calls: [
    [[], 0, longest],
    [[], 1, `${longest}/end`],
    [[], 2, `${longest}b`],
    [[], 2, `${longest}/other/${'c'.repeat(200)}`],
    [[], undefined, longest.slice(1)],
    [[], undefined],
  ],
});

check('an unknown process passes negated filters only', {
  selectors: [[byBinary('NotIn', '/usr/bin/cat'), byBinary('Prefix', '/')], [byBinary('NotPrefix', '/')]],
  calls: [
    [[], 1],
    [[], 0, '/usr/bin/dog'],
    [[], undefined, '/usr/bin/cat'],
  ],
});

check('the first bytes of a string let no call pass that has to be examined', {
  given: false,
  parameters: [string],
  selectors: [
    [byArgument(0, 'Equal', 'a'.repeat(15), 'b'.repeat(14), '')],
    [byArgument(0, 'Prefix', 'a'.repeat(15), 'c'.repeat(16), 'd'.repeat(40), 'e')],
  ],
  calls: [
    [[text('a'.repeat(15))], 0],
    [[text('a'.repeat(16))], 1],
    [[text('b'.repeat(14))], 0],
    [[text('b'.repeat(15))], undefined],
    [[text('c'.repeat(15))], undefined],
    [[text('c'.repeat(17))], 1],
    [[text('d'.repeat(39))], undefined],
    [[text('d'.repeat(40))], 1],
    [[text('e')], 1],
    [[text('')], 0],
    [[unreadable], undefined],
  ],
});

check('numbers let no call pass that has to be examined', {
  parameters: [number('sint8'), number('uint32')],
  selectors: [
    [byArgument(0, 'LessThan', '-100')],
    [byArgument(1, 'Mask', '0x80000000', '1')],
    [byArgument(1, 'Equal', '6')],
  ],
  calls: [
    [[integer(0x1_0080n), integer(0n)], 0],
    [[integer(0n), integer(0x8000_0000n)], 1],
    [[integer(0n), integer(0xffff_ffff_0000_0001n)], 1],
    [[integer(0n), integer(0xffff_ffff_0000_0006n)], 2],
    [[integer(0n), integer(4n)], undefined],
  ],
});

check('two tests of a selector let no call pass that has to be examined', {
  parameters: [number('sint32'), number('uint32')],
  selectors: [
    [byArgument(0, 'Equal', '4'), byArgument(1, 'NotEqual', '7', '9')],
    [byArgument(1, 'Equal', '100'), byArgument(0, 'NotInRange', '-5:5')],
    [byArgument(1, 'Equal', '200')],
  ],
  calls: [
    [[integer(4n), integer(8n)], 0],
    [[integer(4n), integer(7n)], undefined],
    [[integer(4n), integer(0xffff_ffffn)], 0],
    [[integer(6n), integer(100n)], 1],
    [[integer(0xffff_fffan), integer(100n)], 1],
    [[integer(0n), integer(100n)], undefined],
    [[integer(4n), integer(200n)], 0],
    [[integer(0n), integer(200n)], 2],
    [[integer(0n), integer(0n)], undefined],
  ],
});
