import type { RecordHeader } from '../decode.ts';
import type { EventPlan } from '../event-plan.ts';
import { approximateSeconds } from '../wall-clock.ts';

interface PlanEntry {
  readonly plan: EventPlan;
  /** Record time in seconds after which a retired plan is forgotten; infinite while its program runs. */
  deadline: number;
}

/** The plans whose records may still come, by their id. */
export class PlanTable {
  readonly #graceSeconds: number;
  readonly #entries = new Map<number, PlanEntry>();
  #retired = 0;
  /** What was found last: records of one plan come in a row. */
  #found: EventPlan | undefined;

  constructor(graceSeconds: number) {
    this.#graceSeconds = graceSeconds;
  }

  /** Throws when the id is in use: ids are never used twice. */
  add(plan: EventPlan): void {
    if (this.#entries.has(plan.planId)) throw new Error(`event plan ${plan.planId} is already there`);
    this.#entries.set(plan.planId, { plan, deadline: Number.POSITIVE_INFINITY });
  }

  /**
   * The program of the plan stopped at `nowSeconds` since boot. Its last records may lie in the ring for long: the plan
   * is forgotten when records come that were written the grace time later, however late that is.
   */
  retire(planId: number, nowSeconds: number): void {
    const entry = this.#entries.get(planId);
    if (entry === undefined || entry.deadline !== Number.POSITIVE_INFINITY) return;
    entry.deadline = nowSeconds + this.#graceSeconds;
    this.#retired++;
  }

  /** The plan of a record, which also tells what time it is. */
  find(planId: number, header: RecordHeader): EventPlan | undefined {
    if (this.#retired > 0) this.#forget(approximateSeconds(header.ktimeLow, header.ktimeHigh));
    if (this.#found?.planId !== planId) this.#found = this.#entries.get(planId)?.plan;
    return this.#found;
  }

  #forget(now: number): void {
    for (const [planId, entry] of this.#entries) {
      if (now <= entry.deadline) continue;
      this.#entries.delete(planId);
      this.#found = undefined;
      this.#retired--;
    }
  }
}
