import {
  type DecodeError,
  decodeData,
  decodeExec,
  decodeExit,
  decodeFork,
  decodeLoader,
  decodeReturn,
  decodeThrottle,
  type ExitRecord,
  type HookRecord,
  recordKind,
  recordSize,
  type ThrottleRecord,
} from './decode.ts';
import type { EventContent } from './event-content.ts';
import { EventDelivery } from './event-delivery.ts';
import type { EventPlan } from './event-plan.ts';
import type { EventSink } from './event-sink.ts';
import { HookDecoder } from './hooks/hook-decoder.ts';
import { HookEvents } from './hooks/hook-events.ts';
import type { MatchCounts } from './hooks/match-counts.ts';
import { EventEncoder } from './json/event-encoder.ts';
import { ProcessEncoder, type ProcessEncoderOptions } from './json/process-encoder.ts';
import type { PipelineCounters } from './pipeline-counters.ts';
import type { EnvironmentSettings } from './processes/environment.ts';
import { ProcessCache } from './processes/process-cache.ts';
import { ProcessEvents } from './processes/process-events.ts';
import type { ArgumentRedactor } from './processes/redact-arguments.ts';
import { Throttles } from './throttles.ts';
import { WallClock } from './wall-clock.ts';
import { limits, namespaceOrder, recordHeader, recordKinds } from './wire.ts';

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
 * From ring records to sinks: decodes each record and hands it to what makes events of its kind, in the order in which
 * these have to learn of it.
 */
export class EventPipeline implements RecordHandler {
  readonly cache: ProcessCache;
  readonly clock: WallClock;
  /** What another encoder needs to write the same events. */
  readonly encoding: ProcessEncoderOptions;
  readonly #delivery: EventDelivery;
  /** Decodes into one object: hook records are many. */
  readonly #decoder = new HookDecoder();
  readonly #hooks: HookEvents;
  readonly #processes: ProcessEvents;
  readonly #throttles = new Throttles();
  readonly #decodeErrors: Record<DecodeError, number> = { truncated: 0, inconsistent: 0, unknownKind: 0 };
  #records = 0;

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
    const { cache } = this;
    const delivery = this.#delivery;
    const pendingReturns = options.pendingReturns ?? limits.PENDING_RETURNS;
    this.#hooks = new HookEvents({ cache, delivery, graceSeconds, pendingReturns });
    this.#processes = new ProcessEvents({ cache, delivery, redact: options.redact, environment: options.environment });
  }

  get matches(): MatchCounts {
    return this.#hooks.matches;
  }

  /** Makes the records of a plan understood; to be called before its program runs. */
  addPlan(plan: EventPlan): void {
    if (plan.selectors.some(({ stacks }) => stacks !== undefined)) this.encoding.stacks?.prepare();
    this.#hooks.plans.add(plan);
  }

  /** The plan's program no longer runs; records of it that are still in the ring are understood for a while. */
  retirePlan(planId: number, bootTimeNs: bigint): void {
    this.#hooks.plans.retire(planId, Number(bootTimeNs / 1_000_000n) / 1000);
  }

  /** Reports the living processes that are known already, oldest first: those that ran before the sensors. */
  reportExisting(): void {
    this.#processes.reportExisting();
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
    this.#processes.endExpired();
    this.#delivery.flush();
  }

  /** Whether a sink would rather have events later. */
  isBehind(): boolean {
    return this.#delivery.isBehind();
  }

  /** Reports what was waiting for a return or for arguments, and closes the sinks. */
  close(): void {
    this.#processes.endAll();
    this.#hooks.endAll();
    this.#delivery.close();
  }

  counters(): PipelineCounters {
    return {
      records: this.#records,
      events: this.#delivery.events,
      decodeErrors: { ...this.#decodeErrors },
      ...this.#hooks.counters(),
      ...this.#processes.counters(),
      unknownProcesses: this.cache.unknowns,
      throttleStarts: this.#throttles.starts,
      throttleStops: this.#throttles.stops,
      processEvictions: this.cache.evictions,
      processLosses: this.cache.losses,
    };
  }

  #handleRecord(buffer: Buffer, offset: number, length: number): DecodeError | undefined {
    const view = this.#decoder.viewOf(buffer);
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
    const error = this.#decoder.decode(buffer, offset, size);
    return error === undefined ? this.#handleHook(this.#decoder.record, offset, size) : error;
  }

  #dispatch(kind: number, buffer: Buffer, offset: number, size: number): DecodeError | undefined {
    switch (kind) {
      case recordKinds.EXEC: {
        const record = decodeExec(buffer, offset, size);
        return typeof record === 'string' ? record : this.#processes.handleExec(record);
      }
      case recordKinds.FORK: {
        const record = decodeFork(buffer, offset, size);
        return typeof record === 'string' ? record : this.#processes.handleFork(record);
      }
      case recordKinds.EXIT: {
        const record = decodeExit(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleExit(record);
      }
      case recordKinds.RETURN: {
        const record = decodeReturn(buffer, offset, size);
        return typeof record === 'string' ? record : this.#hooks.handleReturn(record);
      }
      case recordKinds.DATA: {
        const record = decodeData(buffer, offset, size);
        return typeof record === 'string' ? record : this.#processes.handleData(record);
      }
      case recordKinds.LOADER: {
        const record = decodeLoader(buffer, offset, size);
        return typeof record === 'string' ? record : this.#processes.handleLoader(record, offset, size);
      }
      case recordKinds.THROTTLE: {
        const record = decodeThrottle(buffer, offset, size);
        return typeof record === 'string' ? record : this.#handleThrottle(record);
      }
      default:
        return 'unknownKind';
    }
  }

  #handleHook(record: HookRecord, offset: number, size: number): undefined {
    this.#processes.endWaiting(record.header.tgid);
    this.#hooks.handleHook(record, offset, size);
  }

  #handleExit(record: ExitRecord): undefined {
    this.#processes.endWaiting(record.header.tgid);
    this.#hooks.handleExit(record.header);
    this.#processes.handleExit(record);
  }

  #handleThrottle(record: ThrottleRecord): undefined {
    const event = this.#throttles.add(record);
    if (event !== undefined) this.#delivery.deliver(event);
  }

  #endThrottles(ktimeLow: number, ktimeHigh: number): void {
    for (const event of this.#throttles.endedBy(ktimeLow, ktimeHigh)) this.#delivery.deliver(event);
  }
}
