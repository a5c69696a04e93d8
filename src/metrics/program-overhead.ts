import type { ObservedProgram } from '../agent/observation.ts';
import type { Labels } from './series.ts';

/** What programs cost one policy, or nobody in particular, since somebody watches. */
export interface Overhead {
  readonly labels: Labels;
  runs: number;
  seconds: number;
}

/**
 * Divides what programs cost among the policies behind them. A hook has one program for all of them: its time is divided by
 * how much of the program each accounts for, and its runs are counted for each of them, as they would be with a program
 * for each. Sums over policies are right at any moment, because only what was added since the last look is divided.
 */
export class ProgramOverhead {
  readonly #most: number;
  readonly #seen = new Map<number, { readonly runs: number; readonly ns: number }>();
  #series = new Map<string, Overhead>();

  /** At most `most` series; policies that come after that are `(other)`. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes the present counters of all programs; those that are missing have gone. */
  add(programs: readonly ObservedProgram[]): void {
    const live = new Map<string, Overhead>();
    for (const program of programs) {
      const before = this.#seen.get(program.programId) ?? { runs: 0, ns: 0 };
      const runs = program.runCount - before.runs;
      const seconds = (program.runTimeNs - before.ns) / 1e9;
      this.#seen.set(program.programId, { runs: program.runCount, ns: program.runTimeNs });
      this.#divide(program, { runs, seconds }, live);
    }
    const ids = new Set(programs.map(({ programId }) => programId));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
    this.#series = live;
  }

  [Symbol.iterator](): Iterator<Overhead> {
    return this.#series.values();
  }

  #divide(program: ObservedProgram, added: { runs: number; seconds: number }, live: Map<string, Overhead>): void {
    const total = program.policies.reduce((sum, { weight }) => sum + weight, 0);
    if (program.policies.length === 0) this.#count(program, nobody, added, live);
    for (const policy of program.policies) {
      const part = total === 0 ? 1 / program.policies.length : policy.weight / total;
      this.#count(program, policy, { runs: added.runs, seconds: added.seconds * part }, live);
    }
  }

  #count(
    { attach, section, sensor }: ObservedProgram,
    { name, namespace }: { readonly name: string; readonly namespace?: string },
    { runs, seconds }: { runs: number; seconds: number },
    live: Map<string, Overhead>,
  ): void {
    const key = JSON.stringify([section, namespace ?? '', name]);
    if (name !== '' && name !== other.name && !live.has(key) && live.size >= this.#most) {
      this.#count({ attach, section, sensor } as ObservedProgram, other, { runs, seconds }, live);
      return;
    }
    const series = live.get(key) ?? this.#series.get(key) ?? newSeries();
    series.runs += runs;
    series.seconds += seconds;
    live.set(key, series);

    function newSeries(): Overhead {
      return {
        labels: { attach, policy: name, policy_namespace: namespace ?? '', section, sensor },
        runs: 0,
        seconds: 0,
      };
    }
  }
}

const nobody = { name: '' };
const other = { name: '(other)' };
