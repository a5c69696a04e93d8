import { expect, test } from 'vitest';
import { checkPolicies } from './check.ts';
import { checkSelector } from './check-harness.ts';
import type { HookSpec, NamespaceName } from './model.ts';
import { type HookInput, type InputValue, matchesReturn, matchingSelector } from './reference-evaluator.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const integer = (value: bigint | number): InputValue => ({ kind: 'integer', value: BigInt(value) });
const string = (text: string): InputValue => ({ kind: 'string', value: bytes(text) });
const path = (text: string, mode = 0o100644): InputValue => ({ kind: 'path', value: bytes(text), mode });
const unreadable: InputValue = { kind: 'unreadable' };

function socket(changes: Partial<Extract<InputValue, { kind: 'socket' }>> = {}): InputValue {
  return {
    kind: 'socket',
    family: 2,
    saddr: Uint8Array.of(127, 0, 0, 1),
    daddr: Uint8Array.of(10, 1, 2, 3),
    sport: 40000,
    dport: 443,
    protocol: 6,
    state: 1,
    ...changes,
  };
}

function namespaces(inode: number): Record<NamespaceName, number> {
  const names = ['uts', 'ipc', 'mnt', 'pid', 'pid_for_children', 'net', 'time', 'time_for_children', 'cgroup', 'user'];
  return Object.fromEntries(names.map((name) => [name, inode])) as Record<NamespaceName, number>;
}

const process: HookInput['process'] = {
  pid: 100,
  namespacePid: 7,
  binary: bytes('/usr/bin/cat'),
  namespaces: namespaces(50),
  capabilities: { effective: 1n << 39n, inheritable: 0n, permitted: 1n << 21n },
};

/** Arguments of the hook that `checkSelector` makes: int, string, file, sock, and one that is not filtered. */
function input(changes: { args?: InputValue[]; process?: Partial<HookInput['process']> } = {}): HookInput {
  const args = changes.args ?? [integer(5), string('words'), path('/etc/shadow'), socket(), unreadable];
  return { args, process: { ...process, ...changes.process }, hostNamespaces: namespaces(1) };
}

/** A selector with one argument filter, against the arguments of `input` with argument `index` replaced. */
function matches(index: number, filter: string, value: InputValue): boolean {
  const hook = selectorHook(`matchArgs: [{index: ${index}, ${filter}}]`);
  const args = [...input().args];
  args[index] = value;
  return matchingSelector(hook, input({ args })) === 0;
}

function selectorHook(selector: string): HookSpec {
  const hook = checkSelector(selector, []);
  if (hook === undefined) throw new Error('the selector was refused');
  return hook;
}

function matchesProcess(selector: string, changes: Partial<HookInput['process']> = {}): boolean {
  return matchingSelector(selectorHook(selector), input({ process: changes })) === 0;
}

test('without selectors every call matches', () => {
  const hook = selectorHook('{}');
  expect(matchingSelector({ ...hook, selectors: [] }, input())).toBe(0);
});

test('the first selector whose filters all match', () => {
  const one = selectorHook(
    'matchArgs: [{index: 0, operator: Equal, values: [5]}, {index: 1, operator: Equal, values: [other]}]',
  );
  const two = selectorHook('matchArgs: [{index: 0, operator: Equal, values: [5]}]');
  const hook = { ...one, selectors: [...one.selectors, ...two.selectors, ...two.selectors] };
  expect(matchingSelector(hook, input())).toBe(1);
  expect(
    matchingSelector(hook, input({ args: [integer(6), string('other'), unreadable, unreadable, unreadable] })),
  ).toBe(-1);
  expect(
    matchingSelector(hook, input({ args: [integer(5), string('other'), unreadable, unreadable, unreadable] })),
  ).toBe(0);
});

test('integers', () => {
  expect(matches(0, 'operator: Equal, values: [1, 5]', integer(5))).toBe(true);
  expect(matches(0, 'operator: NotEqual, values: [1, 5]', integer(5))).toBe(false);
  expect(matches(0, 'operator: NotEqual, values: [1, 5]', integer(4))).toBe(true);
  expect(matches(0, 'operator: GT, values: [4]', integer(5))).toBe(true);
  expect(matches(0, 'operator: GT, values: [5]', integer(5))).toBe(false);
  expect(matches(0, 'operator: LT, values: [0]', integer(-1))).toBe(true);
  expect(matches(0, 'operator: InRange, values: ["-2:2", "10:20"]', integer(20))).toBe(true);
  expect(matches(0, 'operator: NotInRange, values: ["-2:2", "10:20"]', integer(9))).toBe(true);
  expect(matches(0, 'operator: Mask, values: [2, 8]', integer(9))).toBe(true);
  expect(matches(0, 'operator: Mask, values: [2, 8]', integer(5))).toBe(false);
});

test('only the bits of the type count', () => {
  expect(matches(0, 'operator: Equal, values: [-1]', integer(0xffffffffn))).toBe(true);
  expect(matches(0, 'operator: LT, values: [0]', integer(0x1_ffff_fff0n))).toBe(true);
  expect(matches(0, 'operator: Equal, values: [5]', integer(0xabcd_0000_0005n))).toBe(true);
  expect(matches(0, 'operator: Mask, values: [0x80000000]', integer(-1))).toBe(true);
});

test('strings and paths', () => {
  expect(matches(1, 'operator: Equal, values: [a, words]', string('words'))).toBe(true);
  expect(matches(1, 'operator: Equal, values: [word]', string('words'))).toBe(false);
  expect(matches(1, 'operator: Prefix, values: [wor]', string('words'))).toBe(true);
  expect(matches(1, 'operator: Prefix, values: [words!]', string('words'))).toBe(false);
  expect(matches(1, 'operator: NotPostfix, values: [ds]', string('words'))).toBe(false);
  expect(matches(2, 'operator: Postfix, values: [/shadow]', path('/etc/shadow'))).toBe(true);
  expect(matches(2, 'operator: NotPrefix, values: [/etc/]', path('/etc/shadow'))).toBe(false);
  expect(matches(2, 'operator: FileType, values: [dir, reg]', path('/etc/shadow'))).toBe(true);
  expect(matches(2, 'operator: NotFileType, values: [pipe]', path('/etc/shadow'))).toBe(true);
});

test('sockets', () => {
  const is = (filter: string, changes = {}) => matches(3, filter, socket(changes));
  expect(is('operator: DAddr, values: [10.0.0.0/8]')).toBe(true);
  expect(is('operator: DAddr, values: [10.1.2.0/26]')).toBe(true);
  expect(is('operator: DAddr, values: [10.1.2.64/26]')).toBe(false);
  expect(is('operator: DAddr, values: [0.0.0.0/0]')).toBe(true);
  expect(is('operator: NotSAddr, values: [127.0.0.0/8, 10.0.0.0/8]')).toBe(false);
  expect(is('operator: SPort, values: [40000]')).toBe(true);
  expect(is('operator: NotDPort, values: ["1:442", "444:65535"]')).toBe(true);
  expect(is('operator: DPortPriv')).toBe(true);
  expect(is('operator: NotSportPriv')).toBe(true);
  expect(is('operator: Protocol, values: [IPPROTO_UDP]')).toBe(false);
  expect(is('operator: Family, values: [AF_INET]')).toBe(true);
  expect(is('operator: State, values: [TCP_LISTEN, TCP_ESTABLISHED]')).toBe(true);
});

test('addresses of another family are in no network', () => {
  const six = { family: 10, daddr: Uint8Array.of(0xfd, ...new Array<number>(15).fill(0)) };
  expect(matches(3, 'operator: DAddr, values: ["fd00::/8"]', socket(six))).toBe(true);
  expect(matches(3, 'operator: DAddr, values: [0.0.0.0/0]', socket(six))).toBe(false);
  expect(matches(3, 'operator: DAddr, values: ["::/0"]', socket(six))).toBe(true);
  expect(matches(3, 'operator: DAddr, values: ["::/0", 0.0.0.0/0]', socket({ family: 1 }))).toBe(false);
  expect(matches(3, 'operator: NotDAddr, values: ["::/0", 0.0.0.0/0]', socket({ family: 1 }))).toBe(true);
});

test('what cannot be read matches negated filters only', () => {
  const filters: [number, string, boolean][] = [
    [0, 'operator: Equal, values: [5]', false],
    [0, 'operator: NotEqual, values: [5]', true],
    [0, 'operator: Mask, values: [1]', false],
    [0, 'operator: NotInRange, values: ["0:9"]', true],
    [1, 'operator: Prefix, values: [a]', false],
    [1, 'operator: NotPostfix, values: [a]', true],
    [2, 'operator: NotFileType, values: [reg]', true],
    [3, 'operator: DPort, values: [443]', false],
    [3, 'operator: NotDAddr, values: [10.0.0.0/8]', true],
  ];
  for (const [index, filter, expected] of filters) expect(matches(index, filter, unreadable), filter).toBe(expected);
});

test('pids', () => {
  expect(matchesProcess('matchPIDs: [{operator: In, values: [1, 100]}]')).toBe(true);
  expect(matchesProcess('matchPIDs: [{operator: In, values: [100], isNamespacePID: true}]')).toBe(false);
  expect(matchesProcess('matchPIDs: [{operator: NotIn, values: [1]}, {operator: NotIn, values: [100]}]')).toBe(false);
});

test('binaries', () => {
  expect(matchesProcess('matchBinaries: [{operator: In, values: [/bin/sh, /usr/bin/cat]}]')).toBe(true);
  expect(matchesProcess('matchBinaries: [{operator: NotPostfix, values: [/cat]}]')).toBe(false);
  const both = 'matchBinaries: [{operator: Prefix, values: [/usr/]}, {operator: NotIn, values: [/usr/bin/su]}]';
  expect(matchesProcess(both)).toBe(true);
  expect(matchesProcess(both, { binary: bytes('/usr/bin/su') })).toBe(false);
});

test('namespaces', () => {
  expect(matchesProcess('matchNamespaces: [{namespace: Net, operator: NotIn, values: [host_ns]}]')).toBe(true);
  expect(matchesProcess('matchNamespaces: [{namespace: Net, operator: In, values: [host_ns, 50]}]')).toBe(true);
  expect(
    matchesProcess('matchNamespaces: [{namespace: Net, operator: In, values: [host_ns]}]', {
      namespaces: namespaces(1),
    }),
  ).toBe(true);
});

test('capabilities', () => {
  expect(matchesProcess('matchCapabilities: [{operator: In, values: [CAP_BPF, CAP_KILL]}]')).toBe(true);
  expect(matchesProcess('matchCapabilities: [{operator: NotIn, values: [CAP_BPF]}]')).toBe(false);
  expect(matchesProcess('matchCapabilities: [{type: Permitted, operator: In, values: [CAP_BPF]}]')).toBe(false);
  const inNamespace = 'matchCapabilities: [{operator: NotIn, values: [CAP_KILL], isNamespaceCapability: true}]';
  expect(matchesProcess(inNamespace)).toBe(true);
  expect(matchesProcess(inNamespace, { namespaces: namespaces(1) })).toBe(false);
});

test('matchesReturn', () => {
  const text = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: example}
spec:
  kprobes:
  - call: sys_read
    return: true
    returnArg: {index: 0, type: int}
    selectors:
    - matchReturnArgs: [{index: 0, operator: LT, values: [0]}, {index: 0, operator: NotEqual, values: [-11]}]
    - {}
`;
  const hook = checkPolicies(text, 'policy.yaml').policies[0]!.hooks[0]!;
  const returns = (value: bigint | undefined, selector = 0) =>
    matchesReturn(hook, hook.selectors[selector]!, { ...input(), ...(value !== undefined && { returnValue: value }) });
  expect(returns(-1n)).toBe(true);
  expect(returns(0xffff_ffffn)).toBe(true);
  expect(returns(-11n)).toBe(false);
  expect(returns(3n)).toBe(false);
  expect(returns(undefined)).toBe(false);
  expect(returns(undefined, 1)).toBe(true);
  // The entry side does not look at them.
  expect(matchingSelector(hook, input({ args: [] }))).toBe(0);
});

test('types must be resolved', () => {
  const hook = selectorHook('matchArgs: [{index: 4, operator: Equal, values: [1]}]');
  expect(() => matchingSelector(hook, input())).toThrow('the type of argument 4 was not resolved');
});
