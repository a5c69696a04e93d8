import type { KernelFeature } from '../../compiler/kernel-facts.ts';

/** Every feature of a kernel, as people call it. */
export const featureTitles: Readonly<Record<KernelFeature, string>> = {
  btf: 'type information (BTF)',
  ringBuffer: 'BPF ring buffer',
  kprobe: 'kprobes',
  kprobeMulti: 'many kprobes in one link (kprobe.multi)',
  kprobeOverride: 'kprobes that override return values',
  fentry: 'fentry and fexit',
  fmodRet: 'fmod_ret',
  lsm: 'BPF LSM',
  tracepoint: 'tracepoints',
  syscallTracepoint: 'tracepoints of system calls',
  rawTracepoint: 'raw tracepoints',
  sendSignal: 'signals sent by programs',
  atomicFetch: 'atomic fetch instructions',
  taskStorage: 'task storage',
  bpfLoop: 'bpf_loop',
  preemptDisable: 'programs that switch preemption off (bpf_preempt_disable)',
  buildId: 'mappings of files with their build ids',
  pointerCast: 'typed pointers to mounts (bpf_rdonly_cast)',
};
