import type { RecordHeader } from './decode.ts';
import type { EventPlan } from './event-plan.ts';
import { approximateSeconds } from './wall-clock.ts';

interface PlanEntry {
  readonly plan: EventPlan;
  retired: boolean;
  /** Record time after which a retired plan is forgotten; set by the first record seen after its retirement. */
  deadline: number;
}

/** The plans whose records may still come, by their id. */
export class PlanTable {
  readonly #graceSeconds: number;
  readonly #entries = new Map<number, PlanEntry>();
  #retired = 0;

  constructor(graceSeconds: number) {
    this.#graceSeconds = graceSeconds;
  }

  /** Throws when the id is in use: ids are never used twice. */
  add(plan: EventPlan): void {
    if (this.#entries.has(plan.planId)) throw new Error(`event plan ${plan.planId} is already there`);
    this.#entries.set(plan.planId, { plan, retired: false, deadline: 0 });
  }

  retire(planId: number): void {
    const entry = this.#entries.get(planId);
    if (entry === undefined || entry.retired) return;
    entry.retired = true;
    this.#retired++;
  }

  /** The plan of a record, which also tells what time it is. */
  find(planId: number, header: RecordHeader): EventPlan | undefined {
    if (this.#retired > 0) this.#forget(approximateSeconds(header.ktimeLow, header.ktimeHigh));
    return this.#entries.get(planId)?.plan;
  }

  #forget(now: number): void {
    for (const [planId, entry] of this.#entries) {
      if (!entry.retired) continue;
      if (entry.deadline === 0) entry.deadline = now + this.#graceSeconds;
      if (now <= entry.deadline) continue;
      this.#entries.delete(planId);
      this.#retired--;
    }
  }
}
