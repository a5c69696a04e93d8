import type { Logger } from 'pino';
import type { PipelineCounters } from '../events/pipeline-counters.ts';
import { counters as counterIndexes } from '../events/wire.ts';

/** Counters that mean an event, or part of one, did not get through. */
const lossCounters = [
  'RING_FULL_EXEC',
  'RING_FULL_FORK',
  'RING_FULL_EXIT',
  'RING_FULL_HOOK',
  'RING_FULL_RETURN',
  'RING_FULL_DATA',
  'RING_FULL_DENIAL',
  'SHARE_USED_DENIAL',
  'RING_FULL_THROTTLE',
  'RING_FULL_LOADER',
  'FRAME_EXHAUSTED',
  'REFUSED_UNEXAMINED',
  'RECORD_OVERFLOW',
  'PROCESS_MAP_FULL',
  'SIGNAL_FAILED',
  'PENDING_FULL',
] as const satisfies readonly (keyof typeof counterIndexes)[];
/** Events that `--cgroup-rate` held back. */
const throttleCounters = ['THROTTLED_EXEC', 'THROTTLED_EXIT', 'THROTTLED_HOOK', 'THROTTLED_LOADER'] as const;
const reportedCounters = [...lossCounters, ...throttleCounters] as const;

export interface LossSources {
  /** A counter of the kernel side, by its index. */
  readonly kernel: (index: number) => number;
  readonly pipeline: () => PipelineCounters;
  /** What the kernel skipped, by place. */
  readonly missedRuns: () => readonly (readonly [place: string, count: number])[];
  /** What this and earlier agents have said of the kernel side, by the index of the counter; kept for the next one. */
  readonly kept: BigUint64Array | undefined;
  readonly log: Logger;
}

/** Says in the log what was lost since it last did, by cause. */
export class LossReport {
  readonly #sources: LossSources;
  readonly #reported = new Map<string, number>();

  constructor(sources: LossSources) {
    this.#sources = sources;
    const { kept } = sources;
    if (kept === undefined) return;
    for (const name of reportedCounters) this.#reported.set(name, Number(kept[counterIndexes[name]]));
  }

  report(): void {
    this.reportDrops();
    this.#reportGrowth(
      this.#sources.missedRuns(),
      'the kernel skipped programs while another task was preempted inside: calls went unseen',
    );
  }

  /** The same when hooks are gone, which alone know what the kernel skipped. */
  reportDrops(): void {
    this.#reportGrowth(this.#kernelCounts(lossCounters), 'the kernel side dropped events');
    this.#reportGrowth(this.#kernelCounts(throttleCounters), 'events were held back by the rate limit of their cgroup');
    this.#keep();
    const { decodeErrors, unknownPlans, unknownSelectors, processLosses } = this.#sources.pipeline();
    const agent = Object.entries({ ...decodeErrors, unknownPlans, unknownSelectors, processLosses });
    this.#reportGrowth(agent, 'the agent could not use records');
  }

  #keep(): void {
    const { kept } = this.#sources;
    if (kept === undefined) return;
    for (const name of reportedCounters) kept[counterIndexes[name]] = BigInt(this.#reported.get(name) ?? 0);
  }

  #kernelCounts(names: readonly (keyof typeof counterIndexes)[]): [string, number][] {
    return names.map((name) => [name, this.#sources.kernel(counterIndexes[name])]);
  }

  #reportGrowth(counts: readonly (readonly [string, number])[], message: string): void {
    const grown: Record<string, number> = {};
    for (const [name, count] of counts) {
      const known = this.#reported.get(name) ?? 0;
      if (count > known) grown[name] = count - known;
      this.#reported.set(name, count);
    }
    if (Object.keys(grown).length > 0) this.#sources.log.warn({ lost: grown }, message);
  }
}
