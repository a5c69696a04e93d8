import type { Bench } from './harness/bench.ts';

/**
 * What a row counts. Instructions are nanoseconds of a guest whose clock is its instruction counter. `seconds` in such a
 * guest are 10^9 instructions each.
 */
export type Unit = 'instructions' | 'seconds' | 'microseconds' | 'megabytes' | 'kilobytes' | 'events lost';

/**
 * The virtual machine a row is measured in. `counting`: one CPU whose clock counts instructions, repeatable to the
 * digit. `ordinary`: two CPUs, for what depends on real parallelism and for memory.
 */
export type MachineKind = 'counting' | 'ordinary';

/** Tetragon's number for a row, from the measurements that docs/benchmarks.md describes. */
export interface Published {
  /** For comparison and for plots. */
  readonly value: number;
  /** As the table shows it, when that is not the number: a range, or why there is none. */
  readonly text?: string;
}

/** One line of the table. */
export interface Row {
  /** What results are stored and compared by: never renamed without reason. */
  readonly id: string;
  /** Rows of one family stand together under its name. */
  readonly family: string;
  readonly title: string;
  readonly unit: Unit;
  readonly machine: MachineKind;
  /** `jatai` unless given. A peer's row is there to compare with and has no target. */
  readonly subject?: 'jatai' | 'auditd' | 'bpftrace';
  /** For a peer's row: the row of jatai that answers the same question. */
  readonly counterpart?: string;
  /** What jatai has to stay at or below. */
  readonly target?: number;
  readonly tetragon?: Published;
  /** Depends on timers, on garbage collection or on the host: only differences over 15 % are named, elsewhere 2 %. */
  readonly noisy?: boolean;
  measure(bench: Bench): Promise<Measurement>;
}

/** What a row's measurement gave. */
export interface Measurement {
  /** In the row's unit. For a call: what is added to it. */
  readonly value: number;
  /** The same call without an agent. */
  readonly without?: number;
  /** Further numbers, by name; kept in the results. */
  readonly details?: Readonly<Record<string, number>>;
}

/** A row's outcome, as it is stored. */
export type RowResult =
  | ({ readonly id: string; readonly status: 'measured' } & Measurement)
  /** The peer or the kernel cannot: no failure of ours. */
  | { readonly id: string; readonly status: 'impossible'; readonly reason: string }
  | { readonly id: string; readonly status: 'failed'; readonly reason: string };

/** Thrown by a measurement that this kernel or machine cannot make, with the reason. */
export class Impossible extends Error {}
