import { expect, test } from 'vitest';
import { exampleFacts, factsWithout } from '../../test/filter/example-facts.ts';
import { checkPolicies } from '../policy/check.ts';
import { planAttach } from './attach-planner.ts';
import type { KernelFacts } from './kernel-facts.ts';

type Action = 'Post' | 'Sigkill' | 'Override';

const actions: Readonly<Record<Action, string>> = {
  Post: '{ action: Post }',
  Sigkill: '{ action: Sigkill }',
  Override: '{ action: Override, argError: -1 }',
};

function decide(hook: string, action: Action, facts: KernelFacts, mode = 'enforce') {
  const [section, ...lines] = hook.split('\n');
  const text = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: { name: example }
spec:
  options: [{ name: policy-mode, value: ${mode} }]
  ${section}
  - ${lines.join('\n    ')}
    selectors:
    - matchActions: [${actions[action]}]
`;
  const { policies, diagnostics } = checkPolicies(text, 'policy.yaml');
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return planAttach(policies[0]!, policies[0]!.hooks[0]!, facts);
}

/** `mechanism target`, with ` returns mechanism target`, or `code: reason`. */
function check(hook: string, action: Action, facts: KernelFacts, expected: string, mode?: string): void {
  const decision = decide(hook, action, facts, mode);
  if (decision.kind === 'refused') {
    expect(`${decision.code}: ${decision.reason}`).toBe(expected);
    return;
  }
  const { mechanism, target, returns } = decision.attach;
  expect([mechanism, target, ...(returns ? ['returns', returns.mechanism, returns.target] : [])].join(' ')).toBe(
    expected,
  );
}

const openat = 'kprobes:\ncall: sys_openat\nsyscall: true';
const connect = 'kprobes:\ncall: tcp_connect\nsyscall: false';
const fileOpen = 'kprobes:\ncall: security_file_open\nsyscall: false';
const lsm = 'lsmhooks:\nhook: file_open';
const raw = 'tracepoints:\nsubsystem: sched\nevent: sched_process_exec\nraw: true';
const tracepoint = 'tracepoints:\nsubsystem: sched\nevent: sched_process_exit';

test('a function is attached by fentry where that is possible, else by kprobe', () => {
  check(connect, 'Post', exampleFacts, 'fentry tcp_connect returns fexit tcp_connect');
  check(connect, 'Post', factsWithout('fentry'), 'kprobe tcp_connect returns kretprobe tcp_connect');
  check(
    connect,
    'Post',
    factsWithout('fentry', 'kprobe'),
    'hook-unavailable: No way to hook the function "tcp_connect": no fentry; no kprobe',
  );
});

test('a function with more parameters than fentry passes on is attached by kprobe', () => {
  const many = 'kprobes:\ncall: many_parameters\nsyscall: false';
  check(many, 'Post', exampleFacts, 'fentry many_parameters returns fexit many_parameters');
  const older: KernelFacts = { ...exampleFacts, version: [6, 1, 0] };
  check(many, 'Post', older, 'kprobe many_parameters returns kretprobe many_parameters');
});

test('an unknown function is refused with a suggestion', () => {
  const decision = decide('kprobes:\ncall: tcp_conect\nsyscall: false', 'Post', exampleFacts);
  expect(decision).toMatchObject({ kind: 'refused', code: 'unknown-function', hint: 'Did you mean "tcp_connect"?' });
});

test('enforcement on security functions goes through lsm, else fmod_ret', () => {
  check(fileOpen, 'Override', exampleFacts, 'lsm file_open returns fexit security_file_open');
  check(fileOpen, 'Sigkill', exampleFacts, 'lsm file_open returns fexit security_file_open');
  check(fileOpen, 'Post', exampleFacts, 'fentry security_file_open returns fexit security_file_open');
  check(fileOpen, 'Override', factsWithout('lsm'), 'fmod_ret security_file_open returns fexit security_file_open');
  check(fileOpen, 'Sigkill', factsWithout('lsm'), 'fentry security_file_open returns fexit security_file_open');
  check(
    fileOpen,
    'Override',
    factsWithout('lsm', 'fmodRet'),
    'override-unavailable: Override of security_file_open needs BPF LSM or fmod_ret: no lsm; no fmodRet',
  );
});

test('a security function without LSM hook is overridden by fmod_ret, one without result not at all', () => {
  const other = 'kprobes:\ncall: security_without_lsm_hook\nsyscall: false';
  check(other, 'Override', exampleFacts, 'fmod_ret security_without_lsm_hook returns fexit security_without_lsm_hook');
  check(
    'kprobes:\ncall: security_file_free\nsyscall: false',
    'Override',
    exampleFacts,
    'override-unavailable: security_file_free returns nothing that could be overridden',
  );
});

test('monitor mode asks for no enforcement', () => {
  check(
    fileOpen,
    'Override',
    factsWithout('lsm'),
    'fentry security_file_open returns fexit security_file_open',
    'monitor',
  );
  check(openat, 'Override', exampleFacts, 'fentry __x64_sys_openat returns fexit __x64_sys_openat', 'monitor');
});

test('a system call is attached by fentry, kprobe or its tracepoint', () => {
  check(openat, 'Post', exampleFacts, 'fentry __x64_sys_openat returns fexit __x64_sys_openat');
  const kprobe = 'kprobe __x64_sys_openat returns';
  check(openat, 'Post', factsWithout('fentry'), `${kprobe} tracepoint syscalls/sys_exit_openat`);
  check(openat, 'Post', factsWithout('fentry', 'syscallTracepoint'), `${kprobe} kretprobe __x64_sys_openat`);
  const tracepoints = 'syscall_tracepoint syscalls/sys_enter_openat returns tracepoint syscalls/sys_exit_openat';
  check(openat, 'Sigkill', factsWithout('fentry', 'kprobe'), tracepoints);
  check(
    openat,
    'Post',
    factsWithout('fentry', 'kprobe', 'syscallTracepoint'),
    'hook-unavailable: No way to hook the system call "openat": no kprobe; no syscallTracepoint',
  );
  check(
    'kprobes:\ncall: sys_opnat\nsyscall: true',
    'Post',
    exampleFacts,
    'unknown-syscall: The kernel has no system call "opnat"',
  );
});

test('Override of a system call is refused', () => {
  expect(decide(openat, 'Override', factsWithout('kprobeOverride'))).toMatchObject({
    kind: 'refused',
    code: 'override-unavailable',
    reason: expect.stringContaining('no kprobeOverride'),
  });
});

test('an LSM hook without BPF LSM is observed, and says what is weaker', () => {
  check(lsm, 'Post', exampleFacts, 'lsm file_open returns fexit security_file_open');
  check(lsm, 'Post', factsWithout('fentry'), 'lsm file_open returns kretprobe security_file_open');
  check(lsm, 'Override', factsWithout('lsm'), 'fmod_ret security_file_open returns fexit security_file_open');
  check(lsm, 'Post', factsWithout('lsm'), 'fentry security_file_open returns fexit security_file_open');
  const decision = decide(lsm, 'Post', factsWithout('lsm'));
  expect(decision).toMatchObject({
    functionName: 'file_open',
    attach: { degraded: [expect.stringContaining('no lsm')] },
  });
  check('lsmhooks:\nhook: file_opn', 'Post', exampleFacts, 'unknown-lsm-hook: The kernel has no LSM hook "file_opn"');
});

test('signals are refused where they cannot be sent', () => {
  check(connect, 'Sigkill', factsWithout('sendSignal'), 'signal-unavailable: Signals cannot be sent: no sendSignal');
  check(connect, 'Sigkill', factsWithout('sendSignal'), 'fentry tcp_connect returns fexit tcp_connect', 'monitor');
});

test('tracepoints, raw and not', () => {
  check(raw, 'Post', exampleFacts, 'raw_tracepoint sched_process_exec');
  check(tracepoint, 'Post', exampleFacts, 'tracepoint sched/sched_process_exit');
  check(
    raw,
    'Post',
    factsWithout('rawTracepoint'),
    'hook-unavailable: Raw tracepoints are not available: no rawTracepoint',
  );
  check(
    tracepoint,
    'Post',
    factsWithout('tracepoint'),
    'hook-unavailable: Tracepoints are not available: no tracepoint',
  );
  check(
    'tracepoints:\nsubsystem: sched\nevent: sched_process_exitt',
    'Post',
    exampleFacts,
    'unknown-tracepoint: The kernel has no tracepoint "sched/sched_process_exitt"',
  );
});

test('where tasks can be preempted inside programs, kprobe and lsm take the place of fentry', () => {
  const preempted: KernelFacts = { ...exampleFacts, preemption: 'lazy' };
  check(connect, 'Post', preempted, 'kprobe tcp_connect returns kretprobe tcp_connect');
  check(openat, 'Sigkill', preempted, 'kprobe __x64_sys_openat returns tracepoint syscalls/sys_exit_openat');
  check(fileOpen, 'Override', preempted, 'lsm file_open returns fexit security_file_open');
  const withoutKprobes = { ...factsWithout('kprobe'), preemption: 'full' } as const;
  expect(decide(connect, 'Post', withoutKprobes)).toMatchObject({
    attach: { mechanism: 'fentry', degraded: [expect.stringContaining('preempt=full')] },
  });
});
