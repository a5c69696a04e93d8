import { readFileSync } from 'node:fs';
import { BPF_OBJ_GET_INFO_BY_FD, BpfAttr, stableBytes } from './bpf-syscall.ts';

/** `struct bpf_prog_info` up to the counters read here; older kernels fill less of it and leave the rest zero. */
const INFO_BYTES = 216;
const RECURSION_MISSES = 208;

/**
 * How often the kernel skipped the program because the CPU was in it already: a task was preempted inside, or it called
 * itself. Calls that nobody examined. 0 before Linux 5.12, which does not count. Throws a KernelError.
 */
export function missedRuns(programFd: number): number {
  const info = stableBytes(INFO_BYTES);
  new BpfAttr()
    .u32(0, programFd)
    .u32(4, info.byteLength)
    .memory(8, info)
    .run(BPF_OBJ_GET_INFO_BY_FD, `describe program of descriptor ${programFd}`);
  return Number(info.readBigUInt64LE(RECURSION_MISSES));
}

/** Bytes of kernel memory that are locked for the program, as `/proc/self/fdinfo` says. */
export function programMemoryBytes(programFd: number): number {
  const info = readFileSync(`/proc/self/fdinfo/${programFd}`, 'latin1');
  return Number(/^memlock:\s*(\d+)$/m.exec(info)?.[1] ?? 0);
}
