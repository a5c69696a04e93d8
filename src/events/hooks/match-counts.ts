import type { HookSpec } from '../../policy/model.ts';
import type { EventSelector } from '../event-plan.ts';

/** How often a selector matched, by the mode its policy was in. */
export interface MatchCount {
  readonly enforced: number;
  readonly monitored: number;
}

/** Counts the matches of every selector for as long as its policy exists, while its plans come and go. */
export class MatchCounts {
  /** By hook of a policy, then by position of the selector there. */
  readonly #counts = new WeakMap<HookSpec, MutableCount[]>();
  readonly #bound = new WeakMap<EventSelector, MutableCount>();

  /** What was counted last: calls that match come in a row. */
  #selector: EventSelector | undefined;
  #count: MutableCount | undefined;

  /** Counts a selector of a plan as the one at its position in `spec`; selectors that are not bound are not counted. */
  bind(selector: EventSelector, spec: HookSpec): void {
    const counts = this.#counts.get(spec) ?? [];
    this.#counts.set(spec, counts);
    counts[selector.index] ??= { enforced: 0, monitored: 0 };
    this.#bound.set(selector, counts[selector.index]!);
    this.#selector = undefined;
  }

  add(selector: EventSelector): void {
    const count = this.#countOf(selector);
    if (count === undefined) return;
    if (selector.monitoredAction === undefined) count.enforced++;
    else count.monitored++;
  }

  #countOf(selector: EventSelector): MutableCount | undefined {
    if (selector !== this.#selector) {
      this.#selector = selector;
      this.#count = this.#bound.get(selector);
    }
    return this.#count;
  }

  /** Of the selector at a position of the policy's list; 0 for a hook without selectors. */
  of(spec: HookSpec, selector: number): MatchCount {
    return this.#counts.get(spec)?.[selector] ?? none;
  }
}

interface MutableCount {
  enforced: number;
  monitored: number;
}

const none: MatchCount = { enforced: 0, monitored: 0 };
