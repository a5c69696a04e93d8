import type { HookRecord, RecordHeader, ReturnRecord } from '../decode.ts';
import type { EventDelivery } from '../event-delivery.ts';
import type { EventPlan, EventSelector } from '../event-plan.ts';
import type { HookEvent } from '../events.ts';
import type { HookCounters } from '../pipeline-counters.ts';
import type { Process } from '../processes/process.ts';
import type { ProcessCache } from '../processes/process-cache.ts';
import { HookDecoder } from './hook-decoder.ts';
import { MatchCounts } from './match-counts.ts';
import { PlanTable } from './plan-table.ts';
import { passesReturnFilters } from './return-filter.ts';
import { callIdOf, type PendingCall, ReturnMerger } from './return-merger.ts';

export interface HookEventsOptions {
  readonly cache: ProcessCache;
  readonly delivery: EventDelivery;
  /** How long a retired plan is remembered, in seconds of record time. */
  readonly graceSeconds: number;
  /** Calls that wait for their return at one time. */
  readonly pendingReturns: number;
}

/** Calls that policies matched: one event for each selector, at once or with the return of the call. */
export class HookEvents {
  readonly plans: PlanTable;
  readonly matches = new MatchCounts();
  readonly #cache: ProcessCache;
  readonly #delivery: EventDelivery;
  readonly #merger: ReturnMerger;
  /** For calls that were waiting for their return, which the record that is being handled may end. */
  readonly #pendingHooks = new HookDecoder();
  /** Used again for each call. */
  #event: MutableHookEvent | undefined;
  #unknownPlans = 0;
  #unknownSelectors = 0;
  #notPosted = 0;
  #returnsFiltered = 0;

  constructor({ cache, delivery, graceSeconds, pendingReturns }: HookEventsOptions) {
    this.#cache = cache;
    this.#delivery = delivery;
    this.plans = new PlanTable(graceSeconds);
    this.#merger = new ReturnMerger(pendingReturns);
  }

  /** Takes a record whose bytes are `record.buffer[offset .. offset + size]`. */
  handleHook(record: HookRecord, offset: number, size: number): undefined {
    const { header } = record;
    const plan = this.plans.find(record.planId, header);
    if (plan === undefined) {
      this.#unknownPlans++;
      return;
    }
    const returns = record.callIdLow !== 0 || record.callIdHigh !== 0;
    this.#emitMatches(plan, record, returns ? 'without return' : 'all', undefined);
    if (!returns) return;
    const bytes = Buffer.from(record.buffer.subarray(offset, offset + size));
    const replaced = this.#merger.add({ plan, bytes, header: { ...header }, callId: callIdOf(record) });
    if (replaced !== undefined) this.#emitPending(replaced, undefined);
  }

  handleReturn(record: ReturnRecord): undefined {
    const call = this.#merger.take(record);
    if (call !== undefined) this.#emitPending(call, record);
  }

  /** Reports the calls that an exiting process leaves behind without their return. */
  handleExit({ tgid }: RecordHeader): void {
    for (const call of this.#merger.takeProcess(tgid)) this.#emitPending(call, undefined);
  }

  /** Reports all calls that are waiting without their return. */
  endAll(): void {
    for (const call of this.#merger.takeAll()) this.#emitPending(call, undefined);
  }

  counters(): HookCounters {
    return {
      unknownPlans: this.#unknownPlans,
      unknownSelectors: this.#unknownSelectors,
      notPosted: this.#notPosted,
      returnsFiltered: this.#returnsFiltered,
      awaitedReturns: this.#merger.awaited,
      joinedReturns: Object.fromEntries(this.#merger.joined),
      orphanReturns: this.#merger.orphans,
      unreturnedCalls: this.#merger.unreturned,
    };
  }

  /** Reports the selectors of a call that were waiting for its return. */
  #emitPending(call: PendingCall, returned: ReturnRecord | undefined): void {
    const error = this.#pendingHooks.decode(call.bytes, 0, call.bytes.length);
    if (error !== undefined) return; // It was decoded once from the same bytes.
    this.#emitMatches(call.plan, this.#pendingHooks.record, 'with return', returned);
  }

  #emitMatches(plan: EventPlan, record: HookRecord, which: WhichSelectors, returned: ReturnRecord | undefined): void {
    for (let word = 0; word < record.matchWords * 2; word++) {
      let bits = record.view.getInt32(record.matchStart + word * 4, true);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        this.#emitMatch(plan.selectors[word * 32 + bit], record, which, returned);
      }
    }
  }

  #emitMatch(
    selector: EventSelector | undefined,
    record: HookRecord,
    which: WhichSelectors,
    returned: ReturnRecord | undefined,
  ): void {
    if (selector === undefined) {
      this.#unknownSelectors++;
      return;
    }
    if (which !== 'all' && (selector.hook.returnArg === undefined) !== (which === 'without return')) return;
    if (!passesReturn(selector, returned)) {
      this.#returnsFiltered++;
      return;
    }
    this.matches.add(selector);
    if (!selector.post) {
      this.#notPosted++;
      return;
    }
    const { header } = record;
    const process = this.#cache.processOf(header);
    const event = this.#event ?? newHookEvent(process, selector, record);
    this.#event = event;
    event.process = process;
    event.parent = this.#cache.parentOf(process);
    event.ktimeLow = header.ktimeLow;
    event.ktimeHigh = header.ktimeHigh;
    event.tid = header.tid;
    event.selector = selector;
    event.record = record;
    event.returned = returned;
    this.#delivery.deliver(event);
  }
}

/** Of the selectors that matched: a call that returns is reported by those that do not ask for that at once. */
type WhichSelectors = 'all' | 'without return' | 'with return';

type MutableHookEvent = { -readonly [Key in keyof HookEvent]: HookEvent[Key] };

function newHookEvent(process: Process, selector: EventSelector, record: HookRecord): MutableHookEvent {
  return {
    kind: 'hook',
    process,
    parent: undefined,
    ktimeLow: 0,
    ktimeHigh: 0,
    tid: 0,
    selector,
    record,
    returned: undefined,
  };
}

/** A return that was not seen refuses nothing: the event shows that it is missing. */
function passesReturn(selector: EventSelector, returned: ReturnRecord | undefined): boolean {
  const { returnArg } = selector.hook;
  if (returned === undefined || returnArg === undefined) return true;
  return passesReturnFilters(selector.returnFilters, returnArg, returned.valueLow, returned.valueHigh);
}
