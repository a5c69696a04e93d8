/** Numbers as in `/proc/PID/status`. */
export interface ProcCredentials {
  readonly uid: number;
  readonly gid: number;
  readonly euid: number;
  readonly egid: number;
  readonly suid: number;
  readonly sgid: number;
  readonly fsuid: number;
  readonly fsgid: number;
}

/** Bit sets of capability numbers. */
export interface ProcCapabilities {
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly inheritable: bigint;
}

export interface ProcStat {
  readonly command: string;
  readonly parentPid: number;
  readonly startTimeNs: bigint;
  readonly kernelThread: boolean;
  /** Its last thread has ended: it only waits for its parent to ask how. */
  readonly ended: boolean;
  /** Where the arguments are in memory, which differs from execution to execution; 0 when that may not be known. */
  readonly argumentsAddress: bigint;
}

export interface ProcStatus {
  readonly credentials: ProcCredentials;
  readonly capabilities: ProcCapabilities;
  /** Its pid in its own pid namespace: the last of `NSpid`. */
  readonly pidInNamespace: number;
  /** Pid namespaces it is visible in, from that of the procfs mount to its own. */
  readonly pidNamespaceDepth: number;
}

/** The kernel states times in /proc in units of 1/100 s on every architecture (USER_HZ). */
const NANOSECONDS_PER_TICK = 10_000_000n;
const PF_KTHREAD = 0x0020_0000;

/** Places after the command, which is in parentheses and may itself have blanks and parentheses. */
const STATE = 0;
const PARENT = 1;
const FLAGS = 6;
const THREADS = 17;
const START_TIME = 19;
/** Since 3.5. */
const ARGUMENTS_START = 45;

/** Parses `/proc/PID/stat`; throws when it is cut. */
export function parseStat(text: string): ProcStat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  if (open < 0 || close < open || fields.length <= START_TIME) {
    throw new Error(`/proc/PID/stat is not understood: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return {
    command: text.slice(open + 1, close),
    parentPid: Number(fields[PARENT]),
    startTimeNs: BigInt(fields[START_TIME]!) * NANOSECONDS_PER_TICK,
    kernelThread: (Number(fields[FLAGS]) & PF_KTHREAD) !== 0,
    /* A zombie with other threads is the first thread of a process that goes on. */
    ended: /^[ZXx]$/.test(fields[STATE]!) && Number(fields[THREADS]) <= 1,
    argumentsAddress: BigInt(fields[ARGUMENTS_START] ?? 0),
  };
}

/** Parses `/proc/PID/status`; throws when a line it needs is missing. */
export function parseStatus(text: string): ProcStatus {
  const lines = new Map([...text.matchAll(/^(\w+):\t(.*)$/gm)].map((match) => [match[1]!, match[2]!]));
  const value = (name: string): string => {
    const found = lines.get(name);
    if (found === undefined) {
      throw new Error(`/proc/PID/status has no line "${name}"`);
    }
    return found;
  };
  const [uid, euid, suid, fsuid] = numbers(value('Uid'));
  const [gid, egid, sgid, fsgid] = numbers(value('Gid'));
  const pids = numbers(value('NSpid'));
  const capabilities = (name: string): bigint => BigInt(`0x${value(name)}`);
  return {
    credentials: {
      uid: uid!,
      gid: gid!,
      euid: euid!,
      egid: egid!,
      suid: suid!,
      sgid: sgid!,
      fsuid: fsuid!,
      fsgid: fsgid!,
    },
    capabilities: {
      permitted: capabilities('CapPrm'),
      effective: capabilities('CapEff'),
      inheritable: capabilities('CapInh'),
    },
    pidInNamespace: pids.at(-1)!,
    pidNamespaceDepth: pids.length,
  };
}

function numbers(text: string): number[] {
  return text.trim().split(/\s+/).map(Number);
}
