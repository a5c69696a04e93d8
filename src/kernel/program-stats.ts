import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import {
  BPF_ENABLE_STATS,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_GET_FD_BY_ID,
  BpfAttr,
  stableBytes,
} from './bpf-syscall.ts';
import { throwLastError } from './kernel-error.ts';
import { lastErrno } from './libc.ts';

/** What the kernel counted of one program since it was loaded, while statistics were on. */
export interface ProgramStats {
  readonly id: number;
  /** At most 15 characters. */
  readonly name: string;
  /** Nanoseconds; 0 unless statistics were enabled. Programs that it called by a tail call are included. */
  readonly runTimeNs: number;
  readonly runCount: number;
  /** Runs that the kernel skipped because the CPU was in the program already; 0 before Linux 5.12. */
  readonly missedRuns: number;
}

/** `struct bpf_prog_info` up to the counters read here; older kernels fill less of it and leave the rest zero. */
const INFO_BYTES = 216;
const infoAt = { id: 4, name: 64, runTimeNs: 192, runCount: 200, missedRuns: 208 } as const;
const NAME_BYTES = 16;

/** Throws a KernelError. */
export function programStats(programFd: number): ProgramStats {
  const info = stableBytes(INFO_BYTES);
  new BpfAttr()
    .u32(0, programFd)
    .u32(4, info.byteLength)
    .memory(8, info)
    .run(BPF_OBJ_GET_INFO_BY_FD, `describe program of descriptor ${programFd}`);
  const name = info.toString('latin1', infoAt.name, infoAt.name + NAME_BYTES);
  return {
    id: info.readUInt32LE(infoAt.id),
    name: name.slice(0, name.indexOf('\0')),
    runTimeNs: Number(info.readBigUInt64LE(infoAt.runTimeNs)),
    runCount: Number(info.readBigUInt64LE(infoAt.runCount)),
    missedRuns: Number(info.readBigUInt64LE(infoAt.missedRuns)),
  };
}

/** A descriptor of a loaded program; undefined when no program has this id any more. Throws a KernelError. */
export function openProgram(id: number): number | undefined {
  const fd = new BpfAttr().u32(0, id).try(BPF_PROG_GET_FD_BY_ID);
  if (fd >= 0) return fd;
  if (lastErrno() === constants.errno.ENOENT) return undefined;
  throwLastError(`open BPF program ${id}`, 'programs of others are opened by root, with CAP_SYS_ADMIN');
}

/**
 * Makes the kernel measure every run of every BPF program, some tens of nanoseconds each, until this is closed or the
 * process ends, in whatever way. Linux 5.8.
 */
export class RunStatistics {
  #fd: number;

  /** Throws a KernelError. */
  constructor() {
    /* Type 0 is the run time. */
    this.#fd = new BpfAttr()
      .u32(0, 0)
      .run(BPF_ENABLE_STATS, 'enable run statistics of BPF programs', 'it takes Linux 5.8 and CAP_SYS_ADMIN');
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
