import { existsSync } from 'node:fs';
import type { FeatureFact, KernelFeature } from '../compiler/kernel-facts.ts';
import { readKernelFile, SECURITYFS } from './mounts.ts';
import { KPROBE_EVENT_TYPE, type ProbeContext } from './probe-context.ts';

/**
 * What a process without privileges can tell of the kernel: from its version and from which functions were compiled in, as
 * its BTF states. So that policies can be explained without root; loading programs is not possible then anyway.
 */
export function presumeFeatures(context: ProbeContext): Record<KernelFeature, FeatureFact> {
  const has = (...names: string[]): boolean => names.some((name) => context.functions?.get(name) !== undefined);
  const since = (major: number, minor: number): boolean => isSince(context.version, major, minor);
  const trampolines = has('register_ftrace_direct', 'register_ftrace_direct_multi');
  const active = readKernelFile(SECURITYFS, 'lsm')?.trim().split(',');
  const presumed: Record<KernelFeature, boolean> = {
    btf: context.functions !== undefined,
    ringBuffer: since(5, 8),
    kprobe: existsSync(KPROBE_EVENT_TYPE),
    kprobeMulti: has('register_fprobe_syms', 'register_fprobe_ips'),
    kprobeOverride: has('bpf_override_return'),
    fentry: trampolines,
    fmodRet: trampolines,
    lsm: trampolines && has('bpf_lsm_quotactl') && (active?.includes('bpf') ?? false),
    tracepoint: true,
    syscallTracepoint: has('perf_syscall_enter', 'ftrace_syscall_enter'),
    rawTracepoint: true,
    sendSignal: since(5, 3),
    atomicFetch: since(5, 12),
    taskStorage: since(5, 12),
    bpfLoop: since(5, 17),
    preemptDisable: since(6, 10),
    pointerCast: since(6, 2),
    buildId: since(5, 12),
  };
  const entries = Object.entries(presumed).map(([feature, available]) => [
    feature,
    { available, reason: available ? '' : REASON },
  ]);
  return Object.fromEntries(entries) as Record<KernelFeature, FeatureFact>;
}

const REASON = 'presumed to be missing, from the version, the BTF and the active LSMs of this kernel; probe it as root';

function isSince([major, minor]: readonly [number, number, number], sinceMajor: number, sinceMinor: number): boolean {
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}
