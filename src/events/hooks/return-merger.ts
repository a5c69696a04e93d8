import type { RecordHeader, ReturnRecord } from '../decode.ts';
import type { EventPlan } from '../event-plan.ts';

/** A call whose return is awaited: a copy of its hook record, because the ring's memory is used again. */
export interface PendingCall {
  readonly plan: EventPlan;
  readonly bytes: Buffer;
  readonly header: RecordHeader;
  readonly callId: bigint;
}

/** Joins calls with their returns by `call_id`. */
export class ReturnMerger {
  /** Calls that were to wait for their return... */
  awaited = 0;
  /** ...and those that it came for, by what was called. */
  readonly joined = new Map<string, number>();
  /** Returns of calls that are not waiting: the hook record was lost, or the call was given up. */
  orphans = 0;
  /** Calls reported without their return, for whatever reason. */
  unreturned = 0;
  readonly #capacity: number;
  readonly #pending = new Map<bigint, PendingCall>();
  readonly #byTgid = new Map<number, Set<bigint>>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Waits for the return of a call. Gives back the call that had to make room, to be reported without its return. */
  add(call: PendingCall): PendingCall | undefined {
    const replaced = this.#pending.get(call.callId) ?? this.#oldestWhenFull();
    if (replaced !== undefined) this.#giveUp(replaced);
    this.awaited++;
    this.#pending.set(call.callId, call);
    const calls = this.#byTgid.get(call.header.tgid);
    if (calls === undefined) this.#byTgid.set(call.header.tgid, new Set([call.callId]));
    else calls.add(call.callId);
    return replaced;
  }

  /** The call that a return record ends. */
  take(record: ReturnRecord): PendingCall | undefined {
    const call = this.#pending.get(callIdOf(record));
    if (call === undefined) {
      this.orphans++;
      return undefined;
    }
    this.#remove(call);
    const name = targetOf(call.plan);
    this.joined.set(name, (this.joined.get(name) ?? 0) + 1);
    return call;
  }

  /** The calls that a process leaves behind when it exits, oldest first. */
  takeProcess(tgid: number): readonly PendingCall[] {
    const callIds = this.#byTgid.get(tgid);
    if (callIds === undefined) return none;
    const calls = [...callIds].flatMap((callId) => this.#pending.get(callId) ?? []);
    for (const call of calls) this.#giveUp(call);
    return calls;
  }

  /** All calls that are waiting, oldest first. */
  takeAll(): readonly PendingCall[] {
    const calls = [...this.#pending.values()];
    for (const call of calls) this.#giveUp(call);
    return calls;
  }

  #oldestWhenFull(): PendingCall | undefined {
    if (this.#pending.size < this.#capacity) return undefined;
    return this.#pending.values().next().value;
  }

  #giveUp(call: PendingCall): void {
    this.unreturned++;
    this.#remove(call);
  }

  #remove(call: PendingCall): void {
    this.#pending.delete(call.callId);
    const calls = this.#byTgid.get(call.header.tgid);
    calls?.delete(call.callId);
    if (calls?.size === 0) this.#byTgid.delete(call.header.tgid);
  }
}

/** All selectors of a plan are at one place. */
function targetOf({ selectors }: EventPlan): string {
  const hook = selectors[0]?.hook;
  if (hook === undefined) return '';
  return hook.event === 'tracepoint' ? `${hook.subsystem}:${hook.tracepoint}` : hook.functionName;
}

/** `call_id` of a hook or return record. */
export function callIdOf(record: { readonly callIdLow: number; readonly callIdHigh: number }): bigint {
  return (BigInt(record.callIdHigh) << 32n) | BigInt(record.callIdLow);
}

const none: readonly PendingCall[] = [];
