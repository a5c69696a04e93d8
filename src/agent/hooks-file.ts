import { readFileSync } from 'node:fs';

/** What an agent runs in the kernel, as it writes it into its run directory at each switch. */
export interface HooksFile {
  readonly schema: 1;
  readonly pid: number;
  /** When the agent started, in clock ticks since boot: another process with its pid has another. */
  readonly startTicks: number;
  /** Switches of generations since then. */
  readonly switches: number;
  readonly hooks: readonly HookEntry[];
  readonly sensors: readonly ProgramEntry[];
}

/** A program that stays attached. Programs that it jumps into are accounted on it by the kernel. */
export interface ProgramEntry {
  readonly name: string;
  /** Of libbpf: `fentry/security_file_open`. */
  readonly section: string;
  readonly programId: number;
}

export interface HookEntry extends ProgramEntry {
  /** Sees the return of calls. */
  readonly returns?: ProgramEntry;
  readonly policies: readonly PolicyEntry[];
}

export interface PolicyEntry {
  readonly name: string;
  readonly namespace?: string;
  readonly mode: string;
  /** It reports the return of calls. */
  readonly seesReturn: boolean;
  /** Instructions of the hook's program that come from this policy: see `weighPolicies`. */
  readonly weight: number;
}

export const defaultRunDirectory = '/run/jatai';
export const hooksFileName = 'hooks.json';

/** No agent can be found by a file: the message says why, the hint what to do. */
export class NoAgent extends Error {
  override readonly name = 'NoAgent';
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const startHint =
  'Start one with: jatai run --policy FILE. An agent with another --run-dir is found with the same option here.';

/** Reads what the agent of a run directory runs. Throws NoAgent when there is none, or not any more. */
export function readHooksFile(path: string): HooksFile {
  const hooks = parse(path, readText(path));
  if (isRunning(hooks)) return hooks;
  throw new NoAgent(
    `${path}: the agent that wrote it, pid ${hooks.pid}, has ended without removing it`,
    `${startHint} The file is replaced by the next agent.`,
  );
}

/** Whether the process that wrote the file is still there. */
export function isRunning({ pid, startTicks }: Pick<HooksFile, 'pid' | 'startTicks'>): boolean {
  return startTicksOf(pid) === startTicks;
}

/** Clock ticks from boot to the start of a process; undefined when there is no such process. */
export function startTicksOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    /* The command, in parentheses, may hold anything; the start time is the 20th field behind it. */
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new NoAgent(`No agent runs here: there is no ${path}`, startHint);
    if (code === 'EACCES') throw new NoAgent(`${path}: permission denied`, 'It is readable by root only: use sudo.');
    throw new NoAgent(`${path}: ${message}`, startHint);
  }
}

function parse(path: string, text: string): HooksFile {
  try {
    const parsed = JSON.parse(text) as HooksFile;
    if (parsed.schema === 1 && Array.isArray(parsed.hooks) && Array.isArray(parsed.sensors)) return parsed;
  } catch {
    /* Said below. */
  }
  throw new NoAgent(`${path}: not written by an agent of this version`, 'Use the jatai that runs as the agent.');
}
