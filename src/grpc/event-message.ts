import type { EventHook, EventSelector } from '../events/event-plan.ts';
import type { Event, ExitEvent, HookEvent, ProcessEvent } from '../events/events.ts';
import { signalName } from '../events/names.ts';
import type { Process } from '../events/process.ts';
import { argumentValue, returnValue } from '../events/values.ts';
import type { WallClock } from '../events/wall-clock.ts';
import { type ProcessMessageEncoder, tidField } from './process-message.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { writeArgument } from './value-message.ts';

/** Encodes events as Tetragon's `GetEventsResponse`: the same content as our JSON lines. */
export class EventMessageEncoder {
  /** The last encoded message is `writer.buffer[0 .. writer.length]`. */
  readonly writer = new ProtobufWriter();
  readonly #processes: ProcessMessageEncoder;
  readonly #clock: WallClock;
  /** The encoded field `node_name`. */
  readonly #nodeName: Buffer;
  readonly #selectors = new WeakMap<EventSelector, EncodedSelector>();

  constructor(processes: ProcessMessageEncoder, clock: WallClock, nodeName: string) {
    this.#processes = processes;
    this.#clock = clock;
    this.writer.string(envelope.nodeName, nodeName);
    this.#nodeName = this.writer.take();
  }

  encode(event: Event): void {
    const { writer } = this;
    writer.reset();
    switch (event.kind) {
      case 'exec': {
        const start = writer.open(envelope.exec);
        this.#writeProcesses(event, event.process.tgid);
        writer.close(start);
        break;
      }
      case 'exit':
        this.#writeExit(event);
        break;
      case 'hook':
        this.#writeHook(event);
        break;
      case 'throttle': {
        const start = writer.open(envelope.throttle);
        writer.uint(1, throttleTypes[event.type]);
        writer.text(2, event.cgroup.bytes, event.cgroup.start, event.cgroup.end);
        writer.close(start);
        break;
      }
      case 'rateLimit': {
        const start = writer.open(envelope.rateLimitInfo);
        writer.uint(1, event.dropped);
        writer.close(start);
        break;
      }
      default:
        event satisfies never;
    }
    writer.raw(this.#nodeName);
    this.#writeTime(envelope.time, event);
  }

  #writeTime(field: number, { ktimeLow, ktimeHigh }: { readonly ktimeLow: number; readonly ktimeHigh: number }): void {
    const { seconds, nanoseconds } = this.#clock.wallTime(ktimeLow, ktimeHigh);
    this.writer.timestamp(field, seconds, nanoseconds);
  }

  /** `process` and `parent` are fields 1 and 2 of every event that has them here. */
  #writeProcesses(event: ProcessEvent, tid: number): void {
    this.#writeProcess(1, event.process, tid);
    if (event.parent !== undefined) this.#writeProcess(2, event.parent, event.parent.tgid);
  }

  #writeProcess(field: number, process: Process, tid: number): void {
    const { bytes, middle } = this.#processes.encode(process);
    this.writer.splitMessage(field, bytes, middle, tidField, tid);
  }

  #writeExit(event: ExitEvent): void {
    const { writer } = this;
    const start = writer.open(envelope.exit);
    this.#writeProcesses(event, event.process.tgid);
    writer.string(3, signalName(event.signal));
    writer.uint(4, event.status);
    this.#writeTime(5, event);
    writer.close(start);
  }

  #writeHook(event: HookEvent): void {
    const { writer } = this;
    const { hook } = event.selector;
    const encoded = this.#encodedSelector(event.selector);
    const start = writer.open(envelope[hook.event]);
    this.#writeProcesses(event, event.tid);
    writer.raw(encoded.beforeArguments);
    const argumentField = argumentFields[hook.event];
    for (const argument of hook.args) {
      writeArgument(writer, argumentField, argumentValue(event.record, argument), argument.label);
    }
    if (hook.event === 'kprobe' && hook.returnArg !== undefined && event.returned !== undefined) {
      const value = returnValue(hook.returnArg, event.returned.valueLow, event.returned.valueHigh);
      writeArgument(writer, returnField, value, hook.returnArg.label);
    }
    writer.raw(encoded.afterArguments);
    writer.close(start);
  }

  #encodedSelector(selector: EventSelector): EncodedSelector {
    let encoded = this.#selectors.get(selector);
    if (encoded === undefined) {
      encoded = encodeSelector(selector);
      this.#selectors.set(selector, encoded);
    }
    return encoded;
  }
}

/** The fields of a hook event that are the same every time, by their place before or behind the arguments. */
interface EncodedSelector {
  readonly beforeArguments: Buffer;
  readonly afterArguments: Buffer;
}

function encodeSelector(selector: EventSelector): EncodedSelector {
  const { hook } = selector;
  const action = kprobeActions[selector.action];
  const monitoredAction = selector.monitoredAction === undefined ? 0 : kprobeActions[selector.monitoredAction];
  const before = new ProtobufWriter(256);
  const after = new ProtobufWriter(256);
  switch (hook.event) {
    case 'kprobe':
      before.string(3, hook.functionName);
      after.uint(6, action);
      after.string(8, hook.policyName);
      after.uint(9, kprobeActions.KPROBE_ACTION_POST);
      writeMessageAndTags(after, hook, 10, 11);
      break;
    case 'tracepoint':
      before.string(4, hook.subsystem);
      before.string(5, hook.tracepoint);
      after.string(7, hook.policyName);
      after.uint(8, action);
      writeMessageAndTags(after, hook, 9, 10);
      break;
    case 'lsm':
      before.string(3, hook.functionName);
      before.string(5, hook.policyName);
      before.string(6, hook.message);
      after.uint(8, action);
      for (const tag of hook.tags) after.presentString(9, tag);
      break;
    default:
      hook.event satisfies never;
  }
  after.uint(monitorActionField, monitoredAction);
  return { beforeArguments: before.take(), afterArguments: after.take() };
}

function writeMessageAndTags(writer: ProtobufWriter, hook: EventHook, messageField: number, tagField: number): void {
  writer.string(messageField, hook.message);
  for (const tag of hook.tags) writer.presentString(tagField, tag);
}

/** Field numbers of `GetEventsResponse` (`api/tetragon/events.proto`). */
const envelope = {
  exec: 1,
  exit: 5,
  kprobe: 9,
  tracepoint: 10,
  throttle: 27,
  lsm: 28,
  rateLimitInfo: 40001,
  nodeName: 1000,
  time: 1001,
} as const;

const throttleTypes = { THROTTLE_START: 1, THROTTLE_STOP: 2 } as const;
const argumentFields = { kprobe: 4, tracepoint: 6, lsm: 7 } as const;
const returnField = 5;
const monitorActionField = 10000;

/** Numbers of `KprobeAction`. */
const kprobeActions = {
  KPROBE_ACTION_POST: 1,
  KPROBE_ACTION_SIGKILL: 3,
  KPROBE_ACTION_OVERRIDE: 5,
  KPROBE_ACTION_NOPOST: 9,
  KPROBE_ACTION_SIGNAL: 10,
} as const;
