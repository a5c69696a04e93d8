import { expect, test } from 'vitest';
import type { InputValue } from '../../src/policy/reference-evaluator.ts';
import { InputMemory } from './input-memory.ts';
import type { LoadedFilter } from './loaded-filter.ts';
import { setUp } from './setup.ts';
import type { FilterSketch, PlanSketch } from './sketch.ts';
import { planSketch } from './test-plan.ts';

const folder = (index: number) => `/srv/tenant-${index}/data/secret/`;

/** Policies on one hook, each for its own folder; `others` are ANDed with the path. */
function policiesByFolder(count: number, others: readonly FilterSketch[]): PlanSketch {
  const policies = Array.from({ length: count }, (_, index) => {
    const prefix: FilterSketch = {
      list: 'matchArgs',
      fields: { index: 0, operator: 'Prefix', values: [folder(index)] },
    };
    const selectors = [{ filters: [prefix, ...others], noPost: false, override: undefined }];
    return {
      name: `tenant-${index}`,
      mode: 'enforce' as const,
      hooks: [{ args: [{ index: 0, type: 'file' }], selectors }],
    };
  });
  return { policies, hostNamespaces: {} };
}

const memory = new InputMemory();

function matchesOf(filter: LoadedFilter, path: string): readonly number[] | undefined {
  const value: InputValue = { kind: 'path', value: Buffer.from(path), mode: 0o100644 };
  memory.write([{ shape: 'path', types: ['file'] }], [value]);
  return filter.run(memory.context).matches;
}

const notBinary: FilterSketch = { list: 'matchBinaries', fields: { operator: 'NotIn', values: ['/usr/bin/backup'] } };

test.for([
  [200, 'path only', []],
  [1000, 'path only', []],
  [8000, 'path only', []],
  [200, 'path and binary', [notBinary]],
  [1000, 'path and binary', [notBinary]],
  [4000, 'path and binary', [notBinary]],
] as const)(
  '%i policies on one hook, by %s, match their own calls',
  { timeout: 120_000 },
  ([count, by, others], context) => {
    using setup = setUp(context);
    const planStart = performance.now();
    const plan = planSketch(policiesByFolder(count, others), setup.host.facts);
    const loadStart = performance.now();
    using filter = setup.host.load(plan);
    const loaded = performance.now();
    console.log(
      `${count} policies by ${by}: check and plan ${Math.round(loadStart - planStart)} ms, ` +
        `compile, link and load ${Math.round(loaded - loadStart)} ms, ${filter.instructionCount} instructions`,
    );
    /* All of a few, some of many. */
    for (let index = 0; index < count; index += Math.ceil(count / 1000)) {
      expect(matchesOf(filter, `${folder(index)}key`)).toEqual([index]);
      expect(matchesOf(filter, folder(index).slice(0, -1))).toBeUndefined();
    }
    expect(matchesOf(filter, folder(count))).toBeUndefined();
    expect(setup.host.dirtyFrames()).toEqual([]);
  },
);

test('1000 policies load with the readers of real paths', { timeout: 120_000 }, (context) => {
  using setup = setUp(context);
  const plan = planSketch(policiesByFolder(1000, [notBinary]), setup.host.facts);
  using filter = setup.host.load(plan, { given: false });
  expect(filter.instructionCount).toBeGreaterThan(32767);
});

test('one filter with thousands of values', { timeout: 120_000 }, (context) => {
  using setup = setUp(context);
  const count = 5000;
  const values = Array.from({ length: count }, (_, index) => folder(index));
  const prefix: FilterSketch = { list: 'matchArgs', fields: { index: 0, operator: 'Prefix', values } };
  const selectors = [{ filters: [prefix], noPost: false, override: undefined }];
  const policies = [
    { name: 'values', mode: 'enforce' as const, hooks: [{ args: [{ index: 0, type: 'file' }], selectors }] },
  ];
  const start = performance.now();
  using filter = setup.host.load(planSketch({ policies, hostNamespaces: {} }, setup.host.facts));
  console.log(`${count} values: ${Math.round(performance.now() - start)} ms, ${filter.instructionCount} instructions`);
  for (let index = 0; index < count; index += 7) {
    expect(matchesOf(filter, `${folder(index)}key`)).toEqual([0]);
    expect(matchesOf(filter, folder(index).slice(0, -1))).toBeUndefined();
  }
});

test('thousands of values in filters that do not propose their hook', { timeout: 120_000 }, (context) => {
  using setup = setUp(context);
  const indexes = Array.from({ length: 3000 }, (_, index) => index);
  const network = (index: number) =>
    index % 2 === 0 ? `10.${index >> 8}.${index & 255}.0/28` : `fd00:${index.toString(16)}::/32`;
  const filters: FilterSketch[] = [
    { list: 'matchPIDs', fields: { operator: 'In', values: [process.pid], isNamespacePID: false } },
    { list: 'matchArgs', fields: { index: 0, operator: 'NotInMap', values: indexes.map((index) => `${3 * index}`) } },
    { list: 'matchArgs', fields: { index: 1, operator: 'NotDAddr', values: indexes.map(network) } },
  ];
  const args = [
    { index: 0, type: 'uint32' },
    { index: 1, type: 'sock' },
  ];
  const hooks = [{ args, selectors: [{ filters, noPost: false, override: undefined }] }];
  const policies = [{ name: 'others', mode: 'enforce' as const, hooks }];
  using filter = setup.host.load(planSketch({ policies, hostNamespaces: {} }, setup.host.facts));
  expect(filter.instructionCount).toBeGreaterThan(32767);
  const matches = (number: bigint, address: readonly number[]) => {
    const family = address.length === 4 ? 2 : 10;
    const ends = { saddr: Buffer.alloc(address.length), daddr: Buffer.from(address), sport: 1, dport: 2 };
    memory.write(
      [
        { shape: 'number', types: ['uint32'] },
        { shape: 'socket', types: ['sock'] },
      ],
      [
        { kind: 'integer', value: number },
        { kind: 'socket', family, protocol: 6, state: 1, ...ends },
      ],
    );
    return filter.run(memory.context).matches !== undefined;
  };
  const [near, far] = [
    [10, 11, 182, 16],
    [10, 11, 182, 15],
  ];
  const wide = (second: number) => [0xfd, 0, second >> 8, second & 255, ...new Array<number>(12).fill(1)];
  expect([matches(8998n, near!), matches(8997n, near!), matches(8998n, far!)]).toEqual([true, false, false]);
  expect([matches(1n, wide(2998)), matches(1n, wide(2999)), matches(1n, wide(1))]).toEqual([true, false, false]);
});
