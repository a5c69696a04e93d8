import type { EventHook, EventSelector } from './event-plan.ts';
import type { Event, ExitEvent, HookEvent, ProcessEvent, ThrottleEvent } from './events.ts';
import { JsonWriter } from './json-writer.ts';
import { signalName } from './names.ts';
import type { Process } from './process.ts';
import type { ProcessEncoder } from './process-encoder.ts';
import { writeArgument } from './value-json.ts';
import { argumentValue, returnValue } from './values.ts';
import type { WallClock } from './wall-clock.ts';

/**
 * Encodes events as Tetragon's JSON lines (protojson with the names of the proto files): fields in the order of the
 * messages, default values left out, 64-bit numbers as strings.
 */
export class EventEncoder {
  /** The last encoded line, newline included, is `writer.buffer[0 .. writer.length]`. */
  readonly writer = new JsonWriter();
  readonly #processes: ProcessEncoder;
  readonly #clock: WallClock;
  /** `},"node_name":"...","time":"` */
  readonly #envelope: Buffer;
  readonly #hooks = new WeakMap<EventSelector, EncodedSelector>();

  constructor(processes: ProcessEncoder, clock: WallClock, nodeName: string) {
    this.#processes = processes;
    this.#clock = clock;
    this.#envelope = Buffer.from(`},"node_name":${JSON.stringify(nodeName)},"time":"`);
  }

  encode(event: Event): void {
    const { writer } = this;
    writer.reset();
    switch (event.kind) {
      case 'exec':
        this.#writeProcesses(execStart, event, event.process.tgid);
        break;
      case 'exit':
        this.#writeProcesses(exitStart, event, event.process.tgid);
        this.#writeExit(event);
        break;
      case 'hook':
        this.#writeHook(event);
        break;
      case 'throttle':
        this.#writeThrottle(event);
        break;
      case 'rateLimit':
        writer.ascii(`{"rate_limit_info":{"number_of_dropped_process_events":"${event.dropped}"`);
        break;
      default:
        event satisfies never;
    }
    writer.raw(this.#envelope);
    this.#clock.write(writer, event.ktimeLow, event.ktimeHigh);
    writer.raw(lineEnd);
  }

  #writeProcesses(start: Buffer, event: ProcessEvent, tid: number): void {
    const { writer } = this;
    writer.raw(start);
    this.#writeProcess(event.process, tid);
    if (event.parent === undefined) return;
    writer.raw(parentKey);
    this.#writeProcess(event.parent, event.parent.tgid);
  }

  #writeProcess(process: Process, tid: number): void {
    process.encoded ??= this.#processes.encode(process);
    const { bytes, start, end, whole, tidStart, tidEnd } = process.encoded;
    if (tid === process.tgid) {
      this.writer.raw(whole);
      return;
    }
    this.writer.rawRange(bytes, start, tidStart);
    this.writer.uint(tid);
    this.writer.rawRange(bytes, tidEnd, end);
  }

  #writeExit(event: ExitEvent): void {
    const { writer } = this;
    const signal = signalName(event.signal);
    if (signal !== '') writer.ascii(`,"signal":"${signal}"`);
    if (event.status !== 0) {
      writer.ascii(',"status":');
      writer.uint(event.status);
    }
    writer.raw(exitTimeKey);
    this.#clock.write(writer, event.ktimeLow, event.ktimeHigh);
    writer.byte(QUOTE);
  }

  #writeThrottle({ type, cgroup }: ThrottleEvent): void {
    const { writer } = this;
    writer.ascii(`{"process_throttle":{"type":"${type}","cgroup":`);
    writer.string(cgroup.bytes, cgroup.start, cgroup.end);
  }

  #writeHook(event: HookEvent): void {
    const { writer } = this;
    const { hook } = event.selector;
    const encoded = this.#encodedSelector(event.selector);
    this.#writeProcesses(encoded.start, event, event.tid);
    writer.raw(encoded.beforeArguments);
    let separator = argumentsKey;
    for (const argument of hook.args) {
      writer.raw(separator);
      writeArgument(writer, argumentValue(event.record, argument), argument.label);
      separator = comma;
    }
    if (hook.args.length > 0) writer.raw(listEnd);
    if (hook.event === 'kprobe' && hook.returnArg !== undefined && event.returned !== undefined) {
      const value = returnValue(hook.returnArg, event.returned.valueLow, event.returned.valueHigh);
      writer.raw(returnKey);
      writeArgument(writer, value, hook.returnArg.label);
    }
    writer.raw(encoded.afterArguments);
  }

  #encodedSelector(selector: EventSelector): EncodedSelector {
    let encoded = this.#hooks.get(selector);
    if (encoded === undefined) {
      encoded = encodeSelector(selector);
      this.#hooks.set(selector, encoded);
    }
    return encoded;
  }
}

/** The parts of a hook event that are the same every time. */
interface EncodedSelector {
  readonly start: Buffer;
  readonly beforeArguments: Buffer;
  readonly afterArguments: Buffer;
}

function encodeSelector(selector: EventSelector): EncodedSelector {
  const { hook } = selector;
  const start = Buffer.from(`{"process_${hook.event}":{"process":`);
  const action =
    members({ action: selector.action }) +
    (selector.monitoredAction === undefined ? '' : members({ monitor_action: selector.monitoredAction }));
  const message = members({ message: hook.message });
  const tags = hook.tags.length > 0 ? members({ tags: hook.tags }) : '';
  const policy = members({ policy_name: hook.policyName });
  const { before, after } = orderedMembers(hook, { action, message, tags, policy });
  return { start, beforeArguments: Buffer.from(before), afterArguments: Buffer.from(after) };
}

interface SelectorMembers {
  readonly action: string;
  readonly message: string;
  readonly tags: string;
  readonly policy: string;
}

/** What stands before and behind `args` (and `return`): the field order differs between the three messages. */
function orderedMembers(hook: EventHook, parts: SelectorMembers): { before: string; after: string } {
  const { action, message, tags, policy } = parts;
  switch (hook.event) {
    case 'kprobe':
      return {
        before: members({ function_name: hook.functionName }),
        after: action + policy + members({ return_action: 'KPROBE_ACTION_POST' }) + message + tags,
      };
    case 'tracepoint':
      return {
        before: members({ subsys: hook.subsystem, event: hook.tracepoint }),
        after: policy + action + message + tags,
      };
    case 'lsm':
      return {
        before: members({ function_name: hook.functionName }) + policy + message,
        after: action + tags,
      };
    default:
      return hook.event satisfies never;
  }
}

/** `,"key":value` for each member that is not empty. Policy text comes from YAML and may hold lone surrogates. */
function members(values: Record<string, string | readonly string[]>): string {
  const writer = new JsonWriter(256);
  for (const [key, value] of Object.entries(values)) {
    if (value.length === 0) continue;
    writer.ascii(`,"${key}":`);
    if (typeof value === 'string') writer.text(value);
    else writeTexts(writer, value);
  }
  return writer.take().toString('utf8');
}

function writeTexts(writer: JsonWriter, texts: readonly string[]): void {
  let separator = '[';
  for (const text of texts) {
    writer.ascii(separator);
    writer.text(text);
    separator = ',';
  }
  writer.ascii(']');
}

const QUOTE = 0x22;
const execStart = Buffer.from('{"process_exec":{"process":');
const exitStart = Buffer.from('{"process_exit":{"process":');
const exitTimeKey = Buffer.from(',"time":"');
const parentKey = Buffer.from(',"parent":');
const argumentsKey = Buffer.from(',"args":[');
const comma = Buffer.from(',');
const listEnd = Buffer.from(']');
const returnKey = Buffer.from(',"return":');
const lineEnd = Buffer.from('"}\n');
