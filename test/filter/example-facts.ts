import type { KernelFacts, KernelFeature, Parameter, Prototype, TypeFact } from '../../src/compiler/kernel-facts.ts';

const features: readonly KernelFeature[] = [
  'btf',
  'ringBuffer',
  'kprobe',
  'kprobeMulti',
  'kprobeOverride',
  'fentry',
  'fmodRet',
  'lsm',
  'tracepoint',
  'syscallTracepoint',
  'rawTracepoint',
  'sendSignal',
  'atomicFetch',
  'taskStorage',
  'bpfLoop',
  'preemptDisable',
  'pointerCast',
  'buildId',
];

export function typeFact(type: string, size = 8, signed = false): TypeFact {
  return { type, size, signed };
}

export function prototype(
  returns: TypeFact,
  ...parameters: readonly (readonly [name: string, type: TypeFact])[]
): Prototype {
  return { parameters: parameters.map(([name, type]): Parameter => ({ name, ...type })), returns };
}

const int = typeFact('int', 4, true);
const file = typeFact('struct file *');
const common = ['common_type', 'common_flags', 'common_preempt_count', 'common_pid'].map((name) => ({
  name,
  type: 'int',
  size: 4,
  signed: true,
  offset: 0,
  shape: 'scalar' as const,
}));
const field = (name: string, type: TypeFact, offset: number) => ({ name, ...type, offset, shape: 'scalar' as const });

/** A kernel that has everything, of a few functions: what a test is about is taken away from it. */
export const exampleFacts: KernelFacts = {
  schema: 1,
  release: '6.12.0-example',
  version: [6, 12, 0],
  machine: 'x86_64',
  features: Object.fromEntries(
    features.map((name) => [name, { available: true, reason: '' }]),
  ) as KernelFacts['features'],
  preemption: 'voluntary',
  syscalls: { openat: 257, setuid: 105 },
  functions: {
    security_file_open: prototype(int, ['file', file]),
    bpf_lsm_file_open: prototype(int, ['file', file]),
    security_file_free: prototype(typeFact('void', 0), ['file', file]),
    security_without_lsm_hook: prototype(int, ['file', file]),
    __x64_sys_openat: prototype(typeFact('long', 8, true), ['regs', typeFact('struct pt_regs *')]),
    tcp_connect: prototype(int, ['sk', typeFact('struct sock *')]),
    vfs_read: prototype(
      typeFact('ssize_t', 8, true),
      ['file', file],
      ['buf', typeFact('char *')],
      ['count', typeFact('size_t')],
    ),
    many_parameters: prototype(int, ...Array.from({ length: 7 }, (_, index) => [`p${index}`, int] as const)),
  },
  rawTracepoints: {
    sched_process_exec: prototype(
      typeFact('void', 0),
      ['p', typeFact('struct task_struct *')],
      ['old_pid', typeFact('pid_t', 4, true)],
      ['bprm', typeFact('struct linux_binprm *')],
    ),
    sys_enter: prototype(
      typeFact('void', 0),
      ['regs', typeFact('struct pt_regs *')],
      ['id', typeFact('long', 8, true)],
    ),
  },
  tracepoints: {
    'sched/sched_process_exit': {
      id: 1,
      fields: [
        ...common,
        { name: 'comm', type: 'char [16]', size: 16, signed: true, offset: 8, shape: 'array' },
        field('pid', typeFact('pid_t', 4, true), 24),
        { name: 'numbers', type: 'long [2]', size: 16, signed: true, offset: 32, shape: 'array' },
      ],
    },
    'raw_syscalls/sys_enter': {
      id: 6,
      fields: [
        ...common,
        field('id', typeFact('long', 8, true), 8),
        { name: 'args', type: 'unsigned long [6]', size: 48, signed: false, offset: 16, shape: 'array' },
      ],
    },
    'syscalls/sys_enter_openat': {
      id: 2,
      fields: [
        ...common,
        field('__syscall_nr', int, 8),
        field('dfd', int, 16),
        field('filename', typeFact('const char *'), 24),
        field('flags', int, 32),
        field('mode', typeFact('umode_t', 2), 40),
      ],
    },
  },
  hostNamespaces: { user: 4026531837 },
  ptRegs: { di: 112, si: 104, dx: 96, cx: 88, r8: 72, r9: 64, r10: 56, ax: 80 },
};

/** `exampleFacts` on a kernel without these features; the reason is `no NAME`. */
export function factsWithout(...missing: readonly KernelFeature[]): KernelFacts {
  const changed = missing.map((name) => [name, { available: false, reason: `no ${name}` }]);
  return { ...exampleFacts, features: { ...exampleFacts.features, ...Object.fromEntries(changed) } };
}
