import { expect, test } from 'vitest';
import { examplePlan, readHook } from '../../test/filter/example-plan.ts';
import { collectTrees, eagerValues } from './value-trees.ts';

const filter = (index: number, operator: string, ...values: string[]) =>
  `{ index: ${index}, operator: ${operator}, values: ${JSON.stringify(values)} }`;
const selector = (...filters: string[]) => `- matchArgs: [${filters.join(', ')}]`;

test('equal filters of several policies are one entry with all their effects', () => {
  const same = selector(filter(0, 'Prefix', '/etc/', '/usr/'));
  const plan = examplePlan([
    { spec: readHook(same) },
    { spec: readHook(selector(filter(0, 'Prefix', '/usr/', '/etc/'))) },
  ]);
  const [tree] = collectTrees(plan).values();
  expect(tree!.entries).toHaveLength(1);
  expect(tree!.entries[0]!.effect).toMatchObject({ matches: [0, 1], candidates: [], atoms: [] });
});

test('different operators, values and parts are different entries', () => {
  const plan = examplePlan([
    { spec: readHook(selector(filter(0, 'Prefix', '/a'))) },
    { spec: readHook(selector(filter(0, 'Postfix', '/a'))) },
    { spec: readHook(selector(filter(0, 'Prefix', '/b'))) },
    { spec: readHook(selector(filter(0, 'FileType', 'reg'))) },
  ]);
  const [tree] = collectTrees(plan).values();
  expect(tree!.entries.map(({ component, effect }) => [component, effect.matches])).toEqual([
    ['self', [0]],
    ['self', [1]],
    ['self', [2]],
    ['fileType', [3]],
  ]);
});

test('a filter beside others proposes its hook, and only the proposing value is read on every call', () => {
  const plan = examplePlan([{ spec: readHook(selector(filter(0, 'Prefix', '/etc/'), filter(2, 'GT', '100'))) }]);
  const trees = collectTrees(plan);
  const [file, size] = [0, 1];
  expect(trees.get(size)!.entries.map(({ effect }) => effect)).toMatchObject([
    { matches: [], candidates: [0], atoms: [] },
  ]);
  expect(trees.get(file)!.entries.map(({ effect }) => effect)).toMatchObject([
    { matches: [], candidates: [], atoms: [0] },
  ]);
  expect([...eagerValues(plan)]).toEqual([size]);
});

test('negated filters propose nothing', () => {
  const plan = examplePlan([{ spec: readHook(selector(filter(0, 'NotPrefix', '/etc/'))) }]);
  expect([...eagerValues(plan)]).toEqual([]);
  expect(
    collectTrees(plan)
      .get(0)!
      .entries.map(({ effect }) => effect),
  ).toMatchObject([{ matches: [], candidates: [], atoms: [0] }]);
});
