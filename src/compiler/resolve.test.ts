import { expect, test } from 'vitest';
import { exampleFacts, factsWithout } from '../../test/filter/example-facts.ts';
import { checkPolicies } from '../policy/check.ts';
import type { KernelFacts } from './kernel-facts.ts';
import { type Resolution, resolvePolicy } from './resolve.ts';

/** Lines of `hooks` count from 1 in the expected diagnostics. */
function check(hooks: string, expected: readonly unknown[], facts: KernelFacts = exampleFacts): Resolution {
  const head = ['apiVersion: cilium.io/v1alpha1', 'kind: TracingPolicy', 'metadata: { name: example }', 'spec:'];
  const text = [
    ...head,
    ...hooks
      .trim()
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n');
  const { policies, diagnostics } = checkPolicies(text, 'policy.yaml');
  expect(diagnostics).toEqual([]);
  const resolution = resolvePolicy(policies[0]!, facts);
  const found = resolution.diagnostics.map(({ line, column, severity, code, message, hint }) => {
    return `${line - head.length}:${column - 2} ${severity} ${code}: ${message}${hint === '' ? '' : ` [${hint}]`}`;
  });
  expect(found).toEqual(expected);
  return resolution;
}

const types = ({ hooks }: Resolution) => hooks.map(({ args }) => args.map(({ type }) => type));

test('auto becomes the type that the kernel declares', () => {
  const resolution = check(
    `
kprobes:
- call: vfs_read
  syscall: false
  return: true
  args:
  - index: 0
    type: auto
  - index: 1
    type: auto
  - index: 2
    type: auto
  returnArg:
    index: 0
    type: auto
`,
    [],
  );
  expect(types(resolution)).toEqual([['file', 'string', 'uint64']]);
  expect(resolution.hooks[0]).toMatchObject({ returnType: 'sint64', functionName: 'vfs_read' });
});

test('arguments of a system call come from its tracepoint, even for a kprobe', () => {
  const hook = `
kprobes:
- call: sys_openat
  syscall: true
  args:
  - index: 0
    type: auto
  - index: 2
    type: int
  - index: 3
    type: auto
`;
  const resolution = check(hook, []);
  expect(types(resolution)).toEqual([['sint32', 'sint32', 'uint16']]);
  expect(resolution.hooks[0]!.functionName).toBe('__x64_sys_openat');
});

test('an argument that does not exist names those that do', () => {
  check('kprobes:\n- call: tcp_connect\n  syscall: false\n  args:\n  - index: 1\n    type: int', [
    '5:5 error bad-index: Argument 1 does not exist: tcp_connect has 1 parameter [There are: 0 struct sock * sk.]',
  ]);
});

test('a type that contradicts the kernel', () => {
  check('kprobes:\n- call: tcp_connect\n  syscall: false\n  args:\n  - index: 0\n    type: file', [
    '5:5 error type-mismatch: Argument 0 of tcp_connect is "struct sock *", not "file" [Use "sock" or "auto".]',
  ]);
});

test('a filter on an argument of type auto is checked when the type is known', () => {
  const { hooks } = check(
    `
kprobes:
- call: tcp_connect
  syscall: false
  args:
  - index: 0
    type: auto
  selectors:
  - matchArgs:
    - index: 0
      operator: Prefix
      values: ["/etc"]
`,
    [expect.stringMatching(/^9:7 error operator-type: The operator Prefix does not apply to an argument of type sock/)],
  );
  expect(hooks).toEqual([]);
});

test('fields of a tracepoint by their place in its format', () => {
  const hook = (index: number, type: string) => `
tracepoints:
- subsystem: sched
  event: sched_process_exit
  args:
  - index: ${index}
    type: ${type}
`;
  expect(types(check(hook(4, 'auto'), []))).toEqual([['string']]);
  expect(types(check(hook(5, 'auto'), []))).toEqual([['sint32']]);
  check(hook(4, 'int'), ['5:5 error type-mismatch: Field 4 ("comm") is text, not "int" [Use "string".]']);
  check(hook(6, 'auto'), [
    '5:5 error unknown-type: Field 6 is an array of "long [2]", which has no argument type [Leave it out.]',
  ]);
  check(hook(9, 'int'), [
    expect.stringContaining('5:5 error bad-index: Field 9 does not exist: the event has 7 fields'),
  ]);
});

test('a hook that the kernel does not have leaves the others', () => {
  const hooks = `
kprobes:
- call: tcp_conect
  syscall: false
- call: tcp_connect
  syscall: false
`;
  const { hooks: resolved } = check(hooks, [
    '2:3 error unknown-function: The kernel has no function "tcp_conect" [Did you mean "tcp_connect"?]',
  ]);
  expect(resolved.map(({ functionName }) => functionName)).toEqual(['tcp_connect']);
});

test('a function that may be missing is a warning', () => {
  check('kprobes:\n- call: no_such_function\n  syscall: false\n  ignore:\n    callNotFound: true', [
    '2:3 warning unknown-function: The kernel has no function "no_such_function": ignored as the policy asks',
  ]);
});

test('what is weaker than asked for is a warning', () => {
  check(
    'kprobes:\n- call: sys_openat\n  syscall: true',
    ['2:3 warning degraded: tracepoints of system calls do not see calls of 32-bit programs'],
    factsWithout('fentry', 'kprobe'),
  );
});

test('a tracepoint of every system call is attached by the raw one when that has the fields', () => {
  const hooks = (index: number, type: string) => `
tracepoints:
- subsystem: raw_syscalls
  event: sys_enter
  args:
  - index: ${index}
    type: ${type}
`;
  const attached = (resolution: Resolution) =>
    resolution.hooks.map(({ attach, args }) => [attach.mechanism, attach.target, args.map(({ source }) => source)]);
  const number = [{ kind: 'parameter', index: 1 }];
  expect(attached(check(hooks(4, 'syscall64'), []))).toEqual([['raw_tracepoint', 'sys_enter', number]]);
  expect(attached(check(hooks(5, 'string'), []))).toMatchObject([['tracepoint', 'raw_syscalls/sys_enter', [{}]]]);
  const withoutRaw = check(hooks(4, 'syscall64'), [], factsWithout('rawTracepoint'));
  expect(attached(withoutRaw)).toMatchObject([['tracepoint', 'raw_syscalls/sys_enter', [{ kind: 'field' }]]]);
});

test('loader is refused where mappings with build ids are not seen, and the hooks are not', () => {
  const policy = 'loader: true\nkprobes:\n- call: tcp_connect\n  syscall: false';
  expect(check(policy, [])).toMatchObject({ loader: true, hooks: [{}] });
  const expected = [
    '1:1 error loader-unavailable: no buildId [Use "lsmhooks" with mmap_file to see files being mapped, without build ids.]',
  ];
  expect(check(policy, expected, factsWithout('buildId'))).toMatchObject({ loader: false, hooks: [{}] });
  expect(check(policy.replace('true', 'false'), [])).toMatchObject({ loader: false, hooks: [{}] });
});
