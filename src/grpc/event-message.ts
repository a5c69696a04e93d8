import type { EventContent } from '../events/event-content.ts';
import type { EventArgument, EventHook, EventSelector, EventStack } from '../events/event-plan.ts';
import type { Event, ExitEvent, HookEvent, LoaderEvent, ProcessEvent } from '../events/events.ts';
import { stackEntries } from '../events/hooks/stack-trace.ts';
import { verdictOf } from '../events/hooks/verdict.ts';
import { signalName } from '../events/names.ts';
import { ancestorGroupOf, ancestorsOf } from '../events/processes/ancestors.ts';
import type { Process } from '../events/processes/process.ts';
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
  /** The encoded fields `node_name` and `cluster_name`. */
  readonly #nodeName: Buffer;
  readonly #content: EventContent;
  readonly #selectors = new WeakMap<EventSelector, EncodedSelector>();

  constructor(processes: ProcessMessageEncoder, clock: WallClock, nodeName: string, content: EventContent = {}) {
    this.#content = content;
    this.#processes = processes;
    this.#clock = clock;
    this.writer.string(envelope.nodeName, nodeName);
    this.writer.string(envelope.clusterName, content.clusterName ?? '');
    this.#nodeName = this.writer.take();
  }

  encode(event: Event): void {
    const { writer } = this;
    writer.reset();
    switch (event.kind) {
      case 'exec': {
        const start = writer.open(envelope.exec);
        this.#writeProcesses(event, event.process.tgid);
        this.#writeAncestors(3, event);
        writer.close(start);
        break;
      }
      case 'exit':
        this.#writeExit(event);
        break;
      case 'hook':
        this.#writeHook(event);
        break;
      case 'loader':
        this.#writeLoader(event);
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

  #writeAncestors(field: number, event: ProcessEvent): void {
    if (this.#content.ancestors?.has(ancestorGroupOf(event)) !== true) return;
    for (const ancestor of ancestorsOf(event.process)) this.#writeProcess(field, ancestor, ancestor.tgid);
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
    this.#writeAncestors(6, event);
    writer.close(start);
  }

  #writeLoader(event: LoaderEvent): void {
    const { writer } = this;
    const { process, parent, tid, path, buildId } = event;
    const start = writer.open(envelope.loader);
    this.#writeProcess(1, process, tid);
    writer.text(2, path.bytes, path.start, path.end);
    writer.bytes(3, buildId.bytes, buildId.start, buildId.end);
    if (parent !== undefined) this.#writeProcess(4, parent, parent.tgid);
    this.#writeAncestors(5, event);
    writer.close(start);
  }

  #writeHook(event: HookEvent): void {
    const { writer } = this;
    const { hook } = event.selector;
    const encoded = this.#encodedSelector(event.selector);
    const start = writer.open(envelope[hook.event]);
    this.#writeProcesses(event, event.tid);
    writer.raw(encoded.beforeArguments);
    const fields = listFields[hook.event];
    this.#writeArguments(fields.args, hook.args, event);
    if (hook.event === 'kprobe' && hook.returnArg !== undefined && event.returned !== undefined) {
      const value = returnValue(hook.returnArg, event.returned.valueLow, event.returned.valueHigh);
      writeArgument(writer, returnField, value, hook.returnArg.label);
    }
    writer.raw(encoded.afterArguments);
    if (hook.data !== undefined && 'data' in fields) this.#writeArguments(fields.data, hook.data, event);
    for (const stack of event.selector.stacks ?? []) this.#writeStack(event, stack);
    this.#writeAncestors(fields.ancestors, event);
    writer.close(start);
  }

  /** Of kprobes only. */
  #writeStack(event: HookEvent, stack: EventStack): void {
    const { writer } = this;
    if (this.#content.stacks === undefined) return;
    for (const { address, offset, symbol, module } of stackEntries(event, stack, this.#content.stacks)) {
      const start = writer.open(stack.of === 'kernel' ? 7 : 12);
      writer.uint64(1, Number(address & 0xffff_ffffn), Number(address >> 32n));
      writer.uint64(2, Number(offset & 0xffff_ffffn), Number(offset >> 32n));
      writer.string(3, symbol);
      writer.string(4, module);
      writer.close(start);
    }
  }

  #writeArguments(field: number, args: readonly EventArgument[], event: HookEvent): void {
    for (const argument of args)
      writeArgument(this.writer, field, argumentValue(event.record, argument), argument.label);
  }

  #encodedSelector(selector: EventSelector): EncodedSelector {
    let encoded = this.#selectors.get(selector);
    if (encoded === undefined) {
      encoded = encodeSelector(selector, this.#content);
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

function encodeSelector(selector: EventSelector, { withVerdict = false }: EventContent): EncodedSelector {
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
    case 'uprobe':
      before.string(3, hook.uprobe?.path ?? '');
      before.string(4, hook.uprobe?.symbol ?? '');
      before.string(5, hook.policyName);
      writeMessageAndTags(after, hook, 6, 8);
      after.uint(10, hook.uprobe?.offset ?? 0);
      after.uint(11, hook.uprobe?.refCtrOffset ?? 0);
      after.uint(12, action);
      break;
    case 'usdt':
      before.string(3, hook.usdt?.path ?? '');
      before.string(4, hook.usdt?.provider ?? '');
      before.string(5, hook.usdt?.name ?? '');
      before.string(6, hook.policyName);
      writeMessageAndTags(after, hook, 7, 9);
      after.uint(11, action);
      break;
    default:
      hook.event satisfies never;
  }
  after.uint(additions.monitorAction, monitoredAction);
  after.string(additions.severity, hook.severity ?? '');
  for (const technique of hook.mitreTechniques ?? []) after.presentString(additions.mitreTechniques, technique);
  if (withVerdict) after.string(additions.verdict, verdictOf(selector));
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
  loader: 11,
  uprobe: 12,
  throttle: 27,
  lsm: 28,
  usdt: 29,
  rateLimitInfo: 40001,
  nodeName: 1000,
  time: 1001,
  clusterName: 1003,
} as const;

const throttleTypes = { THROTTLE_START: 1, THROTTLE_STOP: 2 } as const;
const listFields = {
  kprobe: { args: 4, ancestors: 13, data: 14 },
  tracepoint: { args: 6, ancestors: 11 },
  lsm: { args: 7, ancestors: 10 },
  uprobe: { args: 7, ancestors: 9, data: 13 },
  usdt: { args: 8, ancestors: 10 },
} as const;
const returnField = 5;
/** Fields of all hook events that Tetragon does not have. */
const additions = { monitorAction: 10000, severity: 10001, mitreTechniques: 10002, verdict: 10003 } as const;

/** Numbers of `KprobeAction`. */
const kprobeActions = {
  KPROBE_ACTION_POST: 1,
  KPROBE_ACTION_SIGKILL: 3,
  KPROBE_ACTION_OVERRIDE: 5,
  KPROBE_ACTION_NOPOST: 9,
  KPROBE_ACTION_SIGNAL: 10,
} as const;
