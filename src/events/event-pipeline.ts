import {
  type DecodeError,
  decodeData,
  decodeExec,
  decodeExit,
  decodeFork,
  decodeLoader,
  decodeReturn,
  decodeThrottle,
  type ExecRecord,
  type ForkRecord,
  type HookRecord,
  type LoaderRecord,
  type RecordHeader,
  type ReturnRecord,
  recordKind,
  recordSize,
  type ThrottleRecord,
} from './decode.ts';
import { type EnvironmentSettings, keepEnvironment } from './environment.ts';
import type { EventContent } from './event-content.ts';
import { EventDelivery } from './event-delivery.ts';
import { EventEncoder } from './event-encoder.ts';
import type { EventPlan, EventSelector } from './event-plan.ts';
import type { EventSink } from './event-sink.ts';
import type { Event, HookEvent } from './events.ts';
import { type AssembledExec, ExecAssembler, execInRecord, maxPending } from './exec-assembler.ts';
import { HeldLoads } from './held-loads.ts';
import { HookDecoder } from './hook-decoder.ts';
import { MatchCounts } from './match-counts.ts';
import type { PipelineCounters } from './pipeline-counters.ts';
import { PlanTable } from './plan-table.ts';
import type { Process } from './process.ts';
import { ProcessCache } from './process-cache.ts';
import { ProcessEncoder, type ProcessEncoderOptions } from './process-encoder.ts';
import { type ArgumentRedactor, redactArguments } from './redact-arguments.ts';
import { passesReturnFilters } from './return-filter.ts';
import { callIdOf, type PendingCall, ReturnMerger } from './return-merger.ts';
import { Throttles } from './throttles.ts';
import { WallClock } from './wall-clock.ts';
import { limits, namespaceOrder, recordFlags, recordHeader, recordKinds } from './wire.ts';

export interface EventPipelineOptions extends EventContent {
  readonly nodeName: string;
  /** What to add to CLOCK_BOOTTIME to get nanoseconds since 1970. */
  readonly bootToWallNs: bigint;
  readonly sinks: readonly EventSink[];
  /** Adds `cap`, `process_credentials` and `binary_properties` to every process; off by default. */
  readonly withCredentials?: boolean;
  /** Adds `ns` to every process; off by default. */
  readonly withNamespaces?: boolean;
  /** Namespace inode numbers of pid 1 in `namespaceOrder`; needed for `is_host`. */
  readonly hostNamespaces?: readonly number[];
  /** Hides parts of the arguments of programs before anyone sees them. */
  readonly redact?: ArgumentRedactor | undefined;
  /** Adds `environment_variables` to every process; undefined for none. */
  readonly environment?: EnvironmentSettings | undefined;
  readonly processCacheSize?: number;
  /** How long an ended process and a retired plan are remembered, in seconds of record time. */
  readonly graceSeconds?: number;
  readonly pendingReturns?: number;
}

/** Takes the records of a ring. */
export interface RecordHandler {
  /** Takes one record: `buffer[offset .. offset + length]`. Returns why it could not be used. */
  handle(buffer: Buffer, offset: number, length: number): DecodeError | undefined;
}

/**
 * From ring records to sinks: decodes each record, keeps the processes, waits for returns and long arguments, and
 * makes one event for each selector that matched.
 */
export class EventPipeline implements RecordHandler {
  readonly cache: ProcessCache;
  readonly clock: WallClock;
  /** What another encoder needs to write the same events. */
  readonly encoding: ProcessEncoderOptions;
  readonly matches = new MatchCounts();
  readonly #redact: ArgumentRedactor | undefined;
  readonly #environment: EnvironmentSettings | undefined;
  readonly #delivery: EventDelivery;
  readonly #plans: PlanTable;
  readonly #hooks = new HookDecoder();
  /** For calls that were waiting for their return, which the record that is being handled may end. */
  readonly #pendingHooks = new HookDecoder();
  readonly #merger: ReturnMerger;
  readonly #assembler = new ExecAssembler();
  /** Used again for each call. */
  #hookEvent: MutableHookEvent | undefined;
  readonly #heldLoads = new HeldLoads();
  readonly #throttles = new Throttles();
  readonly #decodeErrors: Record<DecodeError, number> = { truncated: 0, inconsistent: 0, unknownKind: 0 };
  #records = 0;
  #events = 0;
  #unknownPlans = 0;
  #unknownSelectors = 0;
  #unknownProcesses = 0;
  #notPosted = 0;
  #returnsFiltered = 0;

  constructor(options: EventPipelineOptions) {
    const { nodeName, withCredentials = false, withNamespaces = false, graceSeconds = 10 } = options;
    this.clock = new WallClock(options.bootToWallNs);
    this.cache = new ProcessCache({
      capacity: options.processCacheSize ?? 2 * limits.PROCESSES,
      graceSeconds,
      withCredentials,
      withNamespaces: withNamespaces || options.users !== undefined,
      redact: options.redact,
      environment: options.environment,
    });
    this.#redact = options.redact;
    this.#environment = options.environment;
    const hostNamespaces = options.hostNamespaces ?? namespaceOrder.map(() => 0);
    const { users, ancestors, stacks, withVerdict = false, withArgumentsList = false, clusterName = '' } = options;
    this.encoding = {
      nodeName,
      clock: this.clock,
      withCredentials,
      withNamespaces,
      hostNamespaces,
      users,
      ancestors,
      stacks,
      withArgumentsList,
      withVerdict,
      clusterName,
    };
    const encoder = new EventEncoder(new ProcessEncoder(this.encoding), this.clock, nodeName, this.encoding);
    this.#delivery = new EventDelivery(options.sinks, encoder);
    this.#plans = new PlanTable(graceSeconds);
    this.#merger = new ReturnMerger(options.pendingReturns ?? limits.PENDING_RETURNS);
  }

  /** Makes the records of a plan understood; to be called before its program runs. */
  addPlan(plan: EventPlan): void {
    if (plan.selectors.some(({ stacks }) => stacks !== undefined)) this.encoding.stacks?.prepare();
    this.#plans.add(plan);
  }

  /** The plan's program no longer runs; records of it that are still in the ring are understood for a while. */
  retirePlan(planId: number, bootTimeNs: bigint): void {
    this.#plans.retire(planId, Number(bootTimeNs / 1_000_000n) / 1000);
  }

  /** Reports the living processes that are known already, oldest first: those that ran before the sensors. */
  reportExisting(): void {
    const living = [...this.cache.all()].filter(({ ended }) => !ended);
    const processes = living.sort((one, other) => one.ktimeHigh - other.ktimeHigh || one.ktimeLow - other.ktimeLow);
    for (const process of processes) this.#reportExec(process, process.ktimeLow, process.ktimeHigh);
    this.flush();
  }

  /** Takes one record: `buffer[offset .. offset + length]`. Never throws because of what is in it, but says so. */
  handle(buffer: Buffer, offset: number, length: number): DecodeError | undefined {
    this.#records++;
    const error = this.#handleRecord(buffer, offset, length);
    if (error !== undefined) this.#decodeErrors[error]++;
    return error;
  }

  /** Says that the records up to this time, in nanoseconds since boot, were handled: what ends by time alone ends now. */
  passTime(bootTimeNs: bigint): void {
    this.#endThrottles(Number(bootTimeNs & 0xffff_ffffn), Number(bootTimeNs >> 32n));
  }

  /**
   * Hands buffered output on, and programs whose arguments do not come. To be called after each batch of records, and
   * now and then when there are none.
   */
  flush(): void {
    for (let exec = this.#expired(); exec !== undefined; exec = this.#expired()) this.#emitExec(exec);
    this.#emitLoads(this.#heldLoads.takeExpired());
    this.#delivery.flush();
  }

  /** Whether a sink would rather have events later. */
  isBehind(): boolean {
    return this.#delivery.isBehind();
  }

  /** Reports what was waiting for a return or for arguments, and closes the sinks. */
  close(): void {
    while (!this.#assembler.isIdle) this.#emitExec(this.#assembler.interruptOldest());
    while (!this.#heldLoads.isEmpty) this.#emitLoads(this.#heldLoads.takeOldest());
    for (const call of this.#merger.takeAll()) this.#emitPending(call, undefined);
    this.#delivery.close();
  }

  counters(): PipelineCounters {
    return {
      records: this.#records,
      events: this.#events,
      decodeErrors: { ...this.#decodeErrors },
      unknownPlans: this.#unknownPlans,
      unknownSelectors: this.#unknownSelectors,
      unknownProcesses: this.#unknownProcesses,
      notPosted: this.#notPosted,
      returnsFiltered: this.#returnsFiltered,
      awaitedReturns: this.#merger.awaited,
      joinedReturns: Object.fromEntries(this.#merger.joined),
      orphanReturns: this.#merger.orphans,
      unreturnedCalls: this.#merger.unreturned,
      waitingArguments: this.#assembler.size,
      waitingArgumentsLimit: maxPending,
      evictedArguments: this.#assembler.evictions,
      orphanArguments: this.#assembler.orphans,
      truncatedArguments: this.#assembler.truncations,
      throttleStarts: this.#throttles.starts,
      throttleStops: this.#throttles.stops,
      processEvictions: this.cache.evictions,
      processLosses: this.cache.losses,
    };
  }

  #handleRecord(buffer: Buffer, offset: number, length: number): DecodeError | undefined {
    const view = this.#hooks.viewOf(buffer);
    const size = recordSize(view, offset, length);
    if (typeof size === 'string') return size;
    if (!this.#throttles.isIdle) {
      const ktime = offset + recordHeader.at.ktime;
      this.#endThrottles(view.getUint32(ktime, true), view.getUint32(ktime + 4, true));
    }
    const kind = recordKind(view, offset);
    return kind === recordKinds.HOOK
      ? this.#decodeHook(buffer, offset, size)
      : this.#dispatch(kind, buffer, offset, size);
  }

  #decodeHook(buffer: Buffer, offset: number, size: number): DecodeError | undefined {
    const error = this.#hooks.decode(buffer, offset, size);
    return error === undefined ? this.#handleHook(this.#hooks.record, offset, size) : error;
  }

  #dispatch(kind: number, buffer: Buffer, offset: number, size: number): DecodeError | undefined {
    switch (kind) {
      case recordKinds.EXEC: {
        const record = decodeExec(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleExec(record);
      }
      case recordKinds.FORK: {
        const record = decodeFork(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleFork(record);
      }
      case recordKinds.EXIT: {
        const record = decodeExit(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleExit(record.header, record.code);
      }
      case recordKinds.RETURN: {
        const record = decodeReturn(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleReturn(record);
      }
      case recordKinds.DATA: {
        const record = decodeData(buffer, offset, size);
        if (typeof record === 'string') return record;
        this.#emitExec(this.#assembler.append(record));
        return undefined;
      }
      case recordKinds.LOADER: {
        const record = decodeLoader(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleLoader(record, offset, size);
      }
      case recordKinds.THROTTLE: {
        const record = decodeThrottle(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleThrottle(record);
      }
      default:
        return 'unknownKind';
    }
  }

  #handleExec(record: ExecRecord): undefined {
    this.#endWaiting(record.header.tgid);
    const process = this.cache.addExec(record);
    if (isQuiet(record.header)) {
      this.#complete(execInRecord(process, record));
      this.#emitHeldLoads(process);
      return;
    }
    if (this.#assembler.full) this.#emitExec(this.#assembler.evict());
    if (!this.#assembler.begin(process, record)) this.#emitExec(execInRecord(process, record));
    else if (this.#redact !== undefined) redactArguments(process, this.#redact);
  }

  #handleFork(record: ForkRecord): undefined {
    this.#endWaiting(record.parentTgid);
    this.cache.addFork(record);
  }

  #handleExit(header: RecordHeader, code: number): undefined {
    this.#endWaiting(header.tgid);
    for (const call of this.#merger.takeProcess(header.tgid)) this.#emitPending(call, undefined);
    const process = this.#processOf(header);
    this.#emitHeldLoads(process);
    if (!isQuiet(header)) this.#emitExit(process, header, code);
    this.cache.end(process, header);
  }

  #emitExit(process: Process, header: RecordHeader, code: number): void {
    this.#emit({
      kind: 'exit',
      process,
      parent: this.cache.parentOf(process),
      ktimeLow: header.ktimeLow,
      ktimeHigh: header.ktimeHigh,
      status: (code >>> 8) & 0xff,
      signal: code & 0x7f,
    });
  }

  #handleLoader(record: LoaderRecord, offset: number, size: number): undefined {
    this.#endWaiting(record.header.tgid);
    if ((record.header.flags & recordFlags.EXECUTING) === 0) {
      this.#emitLoader(this.#processOf(record.header), record);
      return;
    }
    if (this.#heldLoads.full) this.#emitLoads(this.#heldLoads.takeOldest());
    this.#heldLoads.add(record, record.buffer, offset, size);
  }

  /** What was mapped for the program of a process before there was a process with that program. */
  #emitHeldLoads(process: Process): void {
    if (this.#heldLoads.isEmpty) return;
    for (const record of this.#heldLoads.take(process.tgid)) this.#emitLoader(process, record);
  }

  /** Of programs that were never reported: the processes are what the kernel knew them as. */
  #emitLoads(records: readonly LoaderRecord[]): void {
    for (const record of records) this.#emitLoader(this.#processOf(record.header), record);
  }

  #emitLoader(process: Process, record: LoaderRecord): void {
    const { header, buffer: bytes, pathStart, pathLength, buildIdStart, buildIdLength } = record;
    this.#emit({
      kind: 'loader',
      process,
      parent: this.cache.parentOf(process),
      ktimeLow: header.ktimeLow,
      ktimeHigh: header.ktimeHigh,
      tid: header.tid,
      path: { bytes, start: pathStart, end: pathStart + pathLength },
      buildId: { bytes, start: buildIdStart, end: buildIdStart + buildIdLength },
    });
  }

  #handleThrottle(record: ThrottleRecord): undefined {
    const event = this.#throttles.add(record);
    if (event !== undefined) this.#emit(event);
  }

  #endThrottles(ktimeLow: number, ktimeHigh: number): void {
    for (const event of this.#throttles.endedBy(ktimeLow, ktimeHigh)) this.#emit(event);
  }

  #handleHook(record: HookRecord, offset: number, size: number): undefined {
    const { header } = record;
    this.#endWaiting(header.tgid);
    const plan = this.#plans.find(record.planId, header);
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

  #handleReturn(record: ReturnRecord): undefined {
    const call = this.#merger.take(record);
    if (call !== undefined) this.#emitPending(call, record);
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
    if (!this.#passesReturn(selector, returned)) {
      this.#returnsFiltered++;
      return;
    }
    this.matches.add(selector);
    if (!selector.post) {
      this.#notPosted++;
      return;
    }
    const process = this.#processOf(record.header);
    const { header } = record;
    const event = this.#hookEvent ?? newHookEvent(process, selector, record);
    this.#hookEvent = event;
    event.process = process;
    event.parent = this.cache.parentOf(process);
    event.ktimeLow = header.ktimeLow;
    event.ktimeHigh = header.ktimeHigh;
    event.tid = header.tid;
    event.selector = selector;
    event.record = record;
    event.returned = returned;
    this.#emit(event);
  }

  /** A return that was not seen refuses nothing: the event shows that it is missing. */
  #passesReturn(selector: EventSelector, returned: ReturnRecord | undefined): boolean {
    const { returnArg } = selector.hook;
    if (returned === undefined || returnArg === undefined) return true;
    return passesReturnFilters(selector.returnFilters, returnArg, returned.valueLow, returned.valueHigh);
  }

  /** A record of a process shows that no more of its arguments will come. */
  #endWaiting(tgid: number): void {
    if (!this.#assembler.isIdle) this.#emitExec(this.#assembler.interrupt(tgid));
  }

  #expired(): AssembledExec | undefined {
    return this.#assembler.isIdle ? undefined : this.#assembler.interruptExpired();
  }

  #emitExec(exec: AssembledExec | undefined): void {
    if (exec === undefined) return;
    this.#complete(exec);
    const { process, header } = exec;
    this.#reportExec(process, header.ktimeLow, header.ktimeHigh);
    this.#emitHeldLoads(process);
  }

  #reportExec(process: Process, ktimeLow: number, ktimeHigh: number): void {
    this.#emit({ kind: 'exec', process, parent: this.cache.parentOf(process), ktimeLow, ktimeHigh });
  }

  /** Hides and leaves out what nobody may see of a program, before anybody does. */
  #complete({ process, environment }: AssembledExec): void {
    if (this.#redact !== undefined) redactArguments(process, this.#redact);
    if (this.#environment !== undefined && environment.length > 0)
      keepEnvironment(process, environment, this.#environment, this.#redact);
  }

  #processOf(header: RecordHeader): Process {
    const process =
      header.tgid === 0
        ? this.cache.latest(0)
        : this.cache.find(header.tgid, header.execKtimeLow, header.execKtimeHigh);
    if (process?.uid !== undefined) return process;
    this.#unknownProcesses++;
    return process ?? this.cache.addUnknown(header);
  }

  #emit(event: Event): void {
    this.#events++;
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

/** Held back in the kernel: known, not reported. */
function isQuiet(header: RecordHeader): boolean {
  return (header.flags & recordFlags.QUIET) !== 0;
}
