import { closeSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { stableBytes } from './bpf-syscall.ts';
import { KernelError } from './kernel-error.ts';
import { lastErrno, syscallPerfEventOpen } from './libc.ts';
import { PERF_FLAG_FD_CLOEXEC, type ProbeResult, SYSCALL_PERF_EVENT_OPEN } from './probe-programs.ts';

/** Perf events that make the kernel look at every mapping of a file, and call `perf_event_mmap_output` for it. */
export class MappingEvents {
  readonly #fds: number[] = [];

  /**
   * Opens one for each CPU that is online, with `mark` in its attributes to tell it from those of others. Throws a
   * KernelError. CPUs that come later have none.
   */
  constructor(mark: bigint) {
    for (const cpu of onlineCpus()) {
      const event = openMappingEvent(cpu, mark);
      if ('fd' in event) {
        this.#fds.push(event.fd);
      } else if (event.errno !== constants.errno.ENODEV) {
        this.close();
        const hint = 'perf events with build ids need Linux 5.12 and CAP_PERFMON';
        throw new KernelError({ call: `open a perf event on CPU ${cpu}`, errno: event.errno, hint });
      }
    }
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** `struct perf_event_attr` up to `config2`, and what is set in it. */
const attr = { bytes: 72, type: 0, size: 4, config: 8, flags: 40, config1: 56 } as const;
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_DUMMY = 9;
const MMAP = 1n << 8n;
const MMAP2 = 1n << 23n;
const BUILD_ID = 1n << 34n;

/** A perf event of all mappings on a CPU, with build ids; `mark` is kept in `config1`, which it does not use. */
export function openMappingEvent(cpu: number, mark: bigint): ProbeResult {
  const bytes = stableBytes(attr.bytes);
  bytes.writeUInt32LE(PERF_TYPE_SOFTWARE, attr.type);
  bytes.writeUInt32LE(attr.bytes, attr.size);
  bytes.writeBigUInt64LE(BigInt(PERF_COUNT_SW_DUMMY), attr.config);
  bytes.writeBigUInt64LE(MMAP | MMAP2 | BUILD_ID, attr.flags);
  bytes.writeBigUInt64LE(mark, attr.config1);
  const fd = syscallPerfEventOpen(SYSCALL_PERF_EVENT_OPEN, bytes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  return fd >= 0 ? { fd } : { errno: lastErrno(), log: '' };
}

function onlineCpus(): number[] {
  return parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'latin1').trim());
}

/** `0-2,5` as the kernel writes it: 0, 1, 2, 5. */
export function parseCpuList(text: string): number[] {
  return text.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
