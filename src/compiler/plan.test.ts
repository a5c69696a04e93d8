import { expect, test } from 'vitest';
import { exampleFacts, prototype, typeFact } from '../../test/filter/example-facts.ts';
import { examplePlan, planExample, readHook } from '../../test/filter/example-plan.ts';
import { limits } from '../events/wire.ts';
import { wantNothing, wantPost, wantReturn } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';

const prefix = '- matchArgs: [{ index: 0, operator: Prefix, values: [/etc/] }]';
const notPrefix = '- matchArgs: [{ index: 0, operator: NotPrefix, values: [/etc/] }]';
const greater = '- matchArgs: [{ index: 2, operator: GT, values: ["100"] }]';
const two = `
- matchArgs:
  - { index: 0, operator: Prefix, values: [/etc/] }
  - { index: 2, operator: GT, values: ["100"] }
`;

test('policies share the values they read', () => {
  const plan = examplePlan([{ spec: readHook(prefix) }, { spec: readHook(two) }, { spec: readHook('') }]);
  expect(plan.values.map(({ id, type, slot }) => ({ id, type, slot }))).toEqual([
    { id: 1, type: 'uint64', slot: -1 },
    { id: 0, type: 'file', slot: 0 },
  ]);
  expect(plan.atomCount).toBe(1);
  expect(plan.specs.map(({ resolved }) => resolved.policy.name)).toEqual(['policy-0', 'policy-1', 'policy-2']);
});

test('how a match is found depends on the filters', () => {
  const search = (selectors: string) => examplePlan([{ spec: readHook(selectors) }]).specs[0]!.search;
  expect(search('')).toBe('always');
  expect(search(prefix)).toBe('direct');
  expect(search(two)).toBe('candidate');
  expect(search(`${prefix}\n${greater}`)).toBe('candidate');
  expect(search(notPrefix)).toBe('tried');
  expect(search(`${prefix}\n${notPrefix}`)).toBe('tried');
  expect(search('- matchActions: [{ action: Post }]')).toBe('always');
});

test('the cheapest filter that is not negated proposes a selector', () => {
  const { specs, values } = examplePlan([{ spec: readHook(two) }]);
  const selector = specs[0]!.selectors[0]!;
  const typeOf = (id: number) => values.find((value) => value.id === id)!.type;
  expect(typeOf(selector.index!.value)).toBe('uint64');
  expect(selector.tests.map((filter) => typeOf(filter.value))).toEqual(['uint64', 'file']);
});

test('match bits count selectors over all policies', () => {
  const plan = examplePlan([
    { spec: readHook(`${prefix}\n${greater}`) },
    { spec: readHook('') },
    { spec: readHook(prefix) },
  ]);
  expect(plan.specs.map(({ selectors }) => selectors.map(({ bit }) => bit))).toEqual([[0, 1], [2], [3]]);
  expect(plan.events.selectors.map(({ hook, index }) => `${hook.policyName} ${index}`)).toEqual([
    'policy-0 0',
    'policy-0 1',
    'policy-1 0',
    'policy-2 0',
  ]);
  expect(plan.selectorCount).toBe(4);
});

test('a match reports the arguments of its hook, and waits for the return when the policy asks', () => {
  const returning = `${readHook(prefix)}\n  return: true\n  returnArg: { index: 0, type: long }`;
  const [plain, waiting] = examplePlan([{ spec: readHook(prefix) }, { spec: returning }]).specs;
  expect(plain!.selectors[0]!.consequence.want).toBe(wantPost | 0b11n);
  expect(waiting!.selectors[0]!.consequence.want).toBe(wantPost | wantReturn | 0b11n);
});

const openHook = (selectors: string) =>
  `lsmhooks:\n- hook: file_open\n  args: [{ index: 0, type: file }]\n  selectors:\n${selectors}`;
const actions = (...list: string[]) => `  - matchActions: [${list.join(', ')}]`;
const sigkill = '{ action: Sigkill }';
const override = (error: number) => `{ action: Override, argError: ${error} }`;

test('actions become signals and refusals', () => {
  const plan = examplePlan([
    { spec: openHook(actions(sigkill, override(-1))) },
    { spec: openHook(actions(override(-13), '{ action: NoPost }')) },
    { spec: openHook(actions(override(-1), '{ action: Signal, argSig: 1 }')) },
  ]);
  expect(plan.errors).toEqual([-1, -13]);
  expect(plan.specs.map(({ selectors }) => selectors[0]!.consequence)).toEqual([
    { want: wantPost | 1n, signals: 1n << 8n, refusals: 0b01n },
    { want: wantNothing, signals: 0n, refusals: 0b10n },
    { want: wantPost | 1n, signals: 1n, refusals: 0b01n },
  ]);
  expect(plan.events.selectors.map(({ action, post }) => [action, post])).toEqual([
    ['KPROBE_ACTION_OVERRIDE', true],
    ['KPROBE_ACTION_OVERRIDE', false],
    ['KPROBE_ACTION_OVERRIDE', true],
  ]);
});

test('monitor mode does nothing and says what it would have done', () => {
  const plan = examplePlan([
    { spec: openHook(actions(sigkill)), mode: 'monitor' },
    { spec: openHook(actions(override(-1), '{ action: NoPost }')), mode: 'monitor' },
  ]);
  expect(plan.errors).toEqual([]);
  expect(plan.specs.map(({ selectors }) => selectors[0]!.consequence)).toEqual([
    { want: wantPost | 1n, signals: 0n, refusals: 0n },
    { want: wantNothing, signals: 0n, refusals: 0n },
  ]);
  expect(plan.events.selectors.map(({ action, monitoredAction }) => [action, monitoredAction])).toEqual([
    ['KPROBE_ACTION_POST', 'KPROBE_ACTION_SIGKILL'],
    ['KPROBE_ACTION_NOPOST', 'KPROBE_ACTION_OVERRIDE'],
  ]);
});

test('filters on the process are values too', () => {
  const selectors = `
- matchPIDs: [{ operator: In, values: [1] }]
  matchBinaries: [{ operator: In, values: [/bin/cat] }]
  matchNamespaces: [{ namespace: User, operator: In, values: [host_ns] }]
  matchCapabilities: [{ type: Effective, operator: In, isNamespaceCapability: true, values: [CAP_SYS_ADMIN] }]
`;
  const plan = examplePlan([{ spec: readHook(selectors) }]);
  expect(plan.values.map(({ source }) => source.kind)).toEqual([
    'parameter',
    'pid',
    'namespace',
    'capabilities',
    'binary',
    'parameter',
  ]);
  const tests = plan.specs[0]!.selectors[0]!.tests.map(({ match, negate }) => ({ kind: match.kind, negate }));
  expect(tests).toEqual([
    { kind: 'ranges', negate: false },
    { kind: 'ranges', negate: false },
    { kind: 'mask', negate: false },
    { kind: 'ranges', negate: true },
    { kind: 'strings', negate: false },
  ]);
});

test('the same policies give the same plan', () => {
  const policies = [{ spec: readHook(two) }, { spec: readHook(notPrefix) }];
  expect(examplePlan(policies)).toEqual(examplePlan(policies));
});

test('more strings than a frame holds are refused by name', () => {
  const count = limits.STRING_SLOTS + 1;
  const parameters = Array.from({ length: count }, (_, index) => [`p${index}`, typeFact('char *')] as const);
  const facts: KernelFacts = {
    ...exampleFacts,
    functions: { many_strings: prototype(typeFact('int', 4, true), ...parameters) },
  };
  const args = parameters.map((_, index) => `  - { index: ${index}, type: string }`);
  const { plan, diagnostics } = planExample(
    [{ spec: ['kprobes:', '- call: many_strings', '  syscall: false', '  args:', ...args].join('\n') }],
    facts,
  );
  expect(plan).toBeUndefined();
  expect(diagnostics).toMatchObject([
    {
      file: 'policy-0.yaml',
      severity: 'error',
      code: 'hook-too-large',
      message: `All policies on fentry:many_strings together use ${count} different strings, paths, sockets and credentials; ${limits.STRING_SLOTS} fit`,
    },
  ]);
});
