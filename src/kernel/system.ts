import { readFileSync } from 'node:fs';
import { constants, hostname as osHostname, release } from 'node:os';
import { checkResult } from './kernel-error.ts';
import { numPossibleCpus } from './libbpf.ts';
import { CLOCK_BOOTTIME, CLOCK_REALTIME, clockGettime, RLIMIT_MEMLOCK, setrlimit } from './libc.ts';

export interface SystemName {
  /** `uname -r`. */
  readonly release: string;
  /** major, minor, patch; Debian's `6.1.0-50-amd64` hides the patch, which `/proc/version` has. */
  readonly version: readonly [number, number, number];
  /** `uname -v`. */
  readonly build: string;
  readonly machine: 'x86_64' | 'aarch64';
}

/** Throws on machines other than x86_64 and aarch64. */
export function uname(): SystemName {
  const { arch } = process;
  if (arch !== 'x64' && arch !== 'arm64') {
    throw new Error(`machine ${arch} is not supported: x86_64 and aarch64 are`);
  }
  const build = readFileSync('/proc/sys/kernel/version', 'utf8').trim();
  return {
    release: release(),
    version: kernelVersion(release(), build),
    build,
    machine: arch === 'x64' ? 'x86_64' : 'aarch64',
  };
}

/** Distributions put the real version into the build text: `#1 SMP Debian 6.1.192-2 (2026-01-01)`. */
export function kernelVersion(releaseText: string, build: string): [number, number, number] {
  const match = /^#.*\bDebian (\d+)\.(\d+)\.(\d+)/.exec(build) ?? /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(releaseText);
  if (!match) {
    throw new Error(`kernel release "${releaseText}" does not start with a version`);
  }
  return [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

export function hostname(): string {
  return osHostname();
}

let possibleCpus: number | undefined;

/** CPUs that may ever be there: how many values a per-CPU map has. */
export function possibleCpuCount(): number {
  possibleCpus ??= checkResult('count possible CPUs', numPossibleCpus());
  return possibleCpus;
}

/**
 * Nanoseconds to add to a time since boot (`bpf_ktime_get_boot_ns`) for one since 1970. Changes when the clock is set: the
 * nearest of a few readings is taken.
 */
export function bootTimeOffsetNs(): bigint {
  let best = { span: 2n ** 62n, offset: 0n };
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = readClockNs(CLOCK_BOOTTIME);
    const realtime = readClockNs(CLOCK_REALTIME);
    const after = readClockNs(CLOCK_BOOTTIME);
    if (after - before < best.span) {
      best = { span: after - before, offset: realtime - (before + after) / 2n };
    }
  }
  return best.offset;
}

/** Nanoseconds since boot, suspended time included: the clock of events and of process start times. */
export function bootTimeNs(): bigint {
  return readClockNs(CLOCK_BOOTTIME);
}

function readClockNs(clock: number): bigint {
  const time = new BigInt64Array(2);
  checkResult('clock_gettime', clockGettime(clock, time));
  return time[0]! * 1_000_000_000n + time[1]!;
}

let memlockRaised = false;

/** Lifts the limit on locked memory, against which kernels before 5.11 count BPF maps and programs; once per process. */
export function raiseMemlockLimit(): void {
  if (!memlockRaised) {
    const infinity = 2n ** 64n - 1n;
    // Without CAP_SYS_RESOURCE the limit stays: a map that does not fit then fails with EPERM, whose hint names it.
    memlockRaised = setrlimit(RLIMIT_MEMLOCK, new BigUint64Array([infinity, infinity])) === 0;
  }
}

const SIGNAL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .filter(([name]) => name !== 'SIGIOT' && name !== 'SIGPOLL')
    .map(([name, number]): [number, string] => [number, name]),
);
const FIRST_REALTIME_SIGNAL = 34;
const LAST_SIGNAL = 64;

/** `SIGKILL` for 9, `SIGRTMIN+1` for 35; the number itself as text when it is no signal. */
export function signalName(signal: number): string {
  const name = SIGNAL_NAMES.get(signal);
  if (name || signal < FIRST_REALTIME_SIGNAL || signal > LAST_SIGNAL) {
    return name ?? String(signal);
  }
  return signal === FIRST_REALTIME_SIGNAL ? 'SIGRTMIN' : `SIGRTMIN+${signal - FIRST_REALTIME_SIGNAL}`;
}
