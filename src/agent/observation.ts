import type { PipelineCounters } from '../events/pipeline-counters.ts';
import type { ProgramStats } from '../kernel/program-stats.ts';
import type { LiveHook } from './hook-table.ts';
import type { HookEntry, PolicyEntry, ProgramEntry } from './hooks-file.ts';

/** The state of an agent at one moment: what metrics are made of. */
export interface Observation {
  /** Counters of the kernel programs by name (`wire.ts: counters`). */
  readonly kernel: Readonly<Record<string, number>>;
  readonly pipeline: PipelineCounters;
  readonly rings: readonly { readonly name: string; readonly pendingBytes: number; readonly sizeBytes: number }[];
  readonly processes: { readonly size: number; readonly capacity: number };
  readonly hooks: readonly ObservedHook[];
  /** Everything that is attached, the process sensors included. */
  readonly programs: readonly ObservedProgram[];
  readonly maps: readonly { readonly name: string; readonly entries: number; readonly capacity: number }[];
  /** Calls that the kernel let pass without asking, by place. */
  readonly missedRuns: readonly (readonly [place: string, count: number])[];
  readonly policies: { readonly loaded: number; readonly refused: number };
  readonly generations: GenerationTimes;
}

export interface ObservedHook {
  /** `lsm:file_open` */
  readonly key: string;
  readonly policies: readonly string[];
  /** eBPF instructions of its programs, all functions included. */
  readonly instructions: number;
}

/** A program that stays attached, with what the kernel counted while statistics were on (`kernel.bpf_stats_enabled`). */
export interface ObservedProgram {
  /** `security_file_open` */
  readonly attach: string;
  /** Of libbpf: `fentry/security_file_open`. */
  readonly section: string;
  /** In Tetragon's words: `__base__`, `generic_kprobe`. */
  readonly sensor: string;
  readonly programId: number;
  readonly runCount: number;
  readonly runTimeNs: number;
  /** Whose calls it looks at, with how much of it is theirs; none for process sensors. */
  readonly policies: readonly PolicyEntry[];
}

/** Switches of generations, and how long they took, compiling and loading included. */
export interface GenerationTimes {
  readonly switches: number;
  readonly totalMs: number;
  readonly lastMs: number;
}

export function observeHook({ plan, entry, returns }: LiveHook): ObservedHook {
  return {
    key: plan.key,
    policies: [...new Set(plan.events.selectors.map(({ hook }) => hook.policyName))],
    instructions: entry.instructionCount + (returns?.instructionCount ?? 0),
  };
}

/** Hooks, their returns and process sensors, each with what was counted of it. */
export function observePrograms(
  hooks: readonly HookEntry[],
  sensors: readonly ProgramEntry[],
  stats: ReadonlyMap<number, ProgramStats>,
): ObservedProgram[] {
  const ofHooks = hooks.flatMap((hook) => {
    const entry = observeProgram(hook, sensorOf(hook.section), hook.policies, stats);
    if (hook.returns === undefined) return [entry];
    const waiting = hook.policies.filter(({ seesReturn }) => seesReturn);
    return [entry, observeProgram(hook.returns, sensorOf(hook.section), waiting, stats)];
  });
  return [...ofHooks, ...sensors.map((program) => observeProgram(program, '__base__', [], stats))];
}

function observeProgram(
  { section, programId }: ProgramEntry,
  sensor: string,
  policies: readonly PolicyEntry[],
  stats: ReadonlyMap<number, ProgramStats>,
): ObservedProgram {
  const { runCount = 0, runTimeNs = 0 } = stats.get(programId) ?? {};
  const attach = section.slice(section.indexOf('/') + 1);
  return { attach, section, sensor, programId, runCount, runTimeNs, policies };
}

/** By what kind of hook a policy asks for such a program. */
function sensorOf(section: string): string {
  const mechanism = section.slice(0, section.indexOf('/'));
  return sensors[mechanism] ?? 'generic_kprobe';
}

const sensors: Readonly<Record<string, string>> = {
  lsm: 'generic_lsm',
  tp: 'generic_tracepoint',
  raw_tp: 'generic_tracepoint',
};
