import type { PipelineCounters } from '../events/event-pipeline.ts';
import type { LiveHook } from './hook-table.ts';

/** The state of an agent at one moment: what metrics are made of. */
export interface Observation {
  /** Counters of the kernel programs by name (`wire.ts: counters`). */
  readonly kernel: Readonly<Record<string, number>>;
  readonly pipeline: PipelineCounters;
  readonly rings: readonly { readonly name: string; readonly pendingBytes: number; readonly sizeBytes: number }[];
  readonly processes: { readonly size: number; readonly capacity: number };
  readonly hooks: readonly ObservedHook[];
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
