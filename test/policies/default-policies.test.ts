import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { PolicyLoader, policyFilesIn } from '../../src/agent/policy-files.ts';
import { repositoryRoot } from '../vm/repository-root.ts';
import { readPolicyTests } from './policy-test.ts';

const defaults = policyFilesIn(path.join(repositoryRoot, 'tracing-policies'));
const demonstration = policyFilesIn(path.join(repositoryRoot, 'tracing-policies/demo'));
const tests = readPolicyTests();

function load(file: string) {
  const loader = new PolicyLoader([file]);
  return { ...loader.load(), text: loader.texts.get(file)! };
}

describe.each([...defaults, ...demonstration].map((file) => [path.basename(file), file]))('%s', (_name, file) => {
  test('has no mistakes and nothing to warn of', () => {
    expect(load(file).diagnostics).toEqual([]);
  });

  test('says in its header what it sees, costs and misses, and how to tune it', () => {
    const header = load(file).text.split('\napiVersion:')[0]!;
    expect([...header.matchAll(/^# (\w+) {2,}/gm)].map(([, word]) => word)).toEqual([
      'Sees',
      'Costs',
      'Misses',
      'Tune',
    ]);
  });

  test('has a test that expects its events', () => {
    const [policy] = load(file).policies;
    const found = tests.find((candidate) => candidate.policy === file);
    expect(JSON.stringify(found?.steps)).toContain(`"policy_name":"${policy!.name}"`);
  });
});

test.each(defaults.map((file) => [path.basename(file), file]))('%s only observes', (_name, file) => {
  const actions = load(file).policies.flatMap(({ hooks }) =>
    hooks.flatMap(({ selectors }) => selectors.flatMap((selector) => selector.actions.map(({ kind }) => kind))),
  );
  expect(new Set(actions)).toEqual(new Set(actions.length === 0 ? [] : ['Post']));
});

test('every test is of a policy that is there', () => {
  expect(tests.map(({ policy }) => policy).toSorted()).toEqual([...defaults, ...demonstration].toSorted());
});
