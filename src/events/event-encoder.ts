import { ancestorGroupOf, ancestorsOf } from './ancestors.ts';
import { type ArgumentWriter, argumentWriter } from './argument-writer.ts';
import type { HookRecord } from './decode.ts';
import type { EventContent } from './event-content.ts';
import type { EventArgument, EventHook, EventSelector, EventStack } from './event-plan.ts';
import type { Event, ExitEvent, HookEvent, LoaderEvent, ProcessEvent, ThrottleEvent } from './events.ts';
import { JsonWriter } from './json-writer.ts';
import { LineEnd } from './line-end.ts';
import { signalName } from './names.ts';
import type { EncodedProcess, Process } from './process.ts';
import type { ProcessEncoder } from './process-encoder.ts';
import { type RecentCall, RecentCalls } from './recent-calls.ts';
import { stackEntries } from './stack-trace.ts';
import { writeArgument } from './value-json.ts';
import { returnValue } from './values.ts';
import { verdictOf } from './verdict.ts';
import type { WallClock } from './wall-clock.ts';

/**
 * Encodes events as Tetragon's JSON lines (protojson with the names of the proto files): fields in the order of the
 * messages, default values left out, 64-bit numbers as strings.
 */
export class EventEncoder {
  /** The last encoded line, newline included, is `writer.buffer[writer.start .. writer.length]`. */
  readonly writer = new JsonWriter();
  readonly #processes: ProcessEncoder;
  readonly #clock: WallClock;
  /** `},"node_name":"...","time":"`, with the cluster between them if there is one. */
  readonly #envelope: Buffer;
  readonly #content: EventContent;
  readonly #calls = new RecentCalls();
  readonly #selectors = new WeakMap<EventSelector, EncodedSelector>();
  #selectorCount = 0;
  /** The one that was used last, and what it was for. */
  #selector: EventSelector | undefined;
  #encodedSelector: EncodedSelector | undefined;

  constructor(processes: ProcessEncoder, clock: WallClock, nodeName: string, content: EventContent = {}) {
    this.#content = content;
    this.#processes = processes;
    this.#clock = clock;
    const cluster = members({ cluster_name: content.clusterName ?? '' });
    this.#envelope = Buffer.from(`},"node_name":${JSON.stringify(nodeName)}${cluster},"time":"`);
  }

  /** Encodes an event into the writer's own buffer; `writer.start` is 0 afterwards. */
  encode(event: Event): void {
    this.writer.reset();
    this.#write(event);
  }

  /**
   * Encodes an event at `position` of a buffer that is lent for this. Returns the end of the line there, or undefined when
   * it did not fit: then it is where `encode` puts it.
   */
  encodeInto(event: Event, buffer: Buffer, view: DataView, position: number): number | undefined {
    const { writer } = this;
    writer.borrow(buffer, view, position);
    this.#write(event);
    return writer.buffer === buffer ? writer.length : undefined;
  }

  #write(event: Event): void {
    const { writer } = this;
    switch (event.kind) {
      case 'exec':
        this.#writeProcesses(execStart, event, event.process.tgid);
        this.#writeAncestors(event);
        break;
      case 'exit':
        this.#writeProcesses(exitStart, event, event.process.tgid);
        this.#writeExit(event);
        this.#writeAncestors(event);
        break;
      case 'hook':
        this.#writeHook(event);
        return;
      case 'loader':
        this.#writeLoader(event);
        this.#writeAncestors(event);
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

  #writeAncestors(event: ProcessEvent): void {
    if (this.#content.ancestors?.has(ancestorGroupOf(event)) !== true) return;
    let separator = ancestorsKey;
    for (const ancestor of ancestorsOf(event.process)) {
      this.writer.raw(separator);
      this.#writeProcess(ancestor, ancestor.tgid);
      separator = comma;
    }
    if (separator === comma) this.writer.raw(listEnd);
  }

  #writeProcess(process: Process, tid: number): void {
    this.#writeEncoded(this.#encoded(process), process.tgid, tid);
  }

  #encoded(process: Process): EncodedProcess {
    process.encoded ??= this.#processes.encode(process);
    return process.encoded;
  }

  #writeEncoded({ bytes, start, end, whole, tidStart, tidEnd }: EncodedProcess, tgid: number, tid: number): void {
    if (tid === tgid) {
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

  #writeLoader(event: LoaderEvent): void {
    const { writer } = this;
    const { process, parent, path, buildId } = event;
    writer.raw(loaderStart);
    this.#writeProcess(process, event.tid);
    if (path.end > path.start) {
      writer.ascii(',"path":');
      writer.string(path.bytes, path.start, path.end);
    }
    if (buildId.end > buildId.start) {
      writer.ascii(',"buildid":"');
      writer.base64(buildId.bytes, buildId.start, buildId.end);
      writer.byte(QUOTE);
    }
    if (parent === undefined) return;
    writer.raw(parentKey);
    this.#writeProcess(parent, parent.tgid);
  }

  #writeThrottle({ type, cgroup }: ThrottleEvent): void {
    const { writer } = this;
    writer.ascii(`{"process_throttle":{"type":"${type}","cgroup":`);
    writer.string(cgroup.bytes, cgroup.start, cgroup.end);
  }

  #writeHook(event: HookEvent): void {
    const { writer } = this;
    const process = this.#encoded(event.process);
    const parent = event.parent === undefined ? undefined : this.#encoded(event.parent);
    /* After the processes, which have times of their own. */
    const nanoseconds = this.#clock.moveTo(event.ktimeLow, event.ktimeHigh);
    this.#writeHookToSecond(event, process, parent);
    writer.fraction(nanoseconds);
    writer.raw(hookEnd);
  }

  /** What few events have. */
  #writeMore(event: HookEvent, { data }: EncodedSelector): void {
    const { writer } = this;
    const [first] = data;
    if (first !== undefined) {
      writer.raw(dataKey);
      writer.raw(first.start);
      writer.raw(this.#writeArguments(data, event.record));
      writer.raw(listEnd);
    }
    for (const stack of event.selector.stacks ?? []) this.#writeStack(event, stack);
    this.#writeAncestors(event);
  }

  #writeStack(event: HookEvent, stack: EventStack): void {
    const { writer } = this;
    if (this.#content.stacks === undefined) return;
    let separator = `,"${stack.of}_stack_trace":[{`;
    for (const { address, offset, symbol, module } of stackEntries(event, stack, this.#content.stacks)) {
      writer.ascii(separator);
      writeMembers(writer, { address: numberText(address), offset: numberText(offset), symbol, module }, '');
      separator = '},{';
    }
    if (separator === '},{') writer.ascii('}]');
  }

  /** The line up to the second of its time, which the clock has been moved to. */
  #writeHookToSecond(event: HookEvent, process: EncodedProcess, parent: EncodedProcess | undefined): void {
    const { writer } = this;
    const selector = this.#encodedSelectorOf(event.selector);
    const call = this.#calls.find(process, parent, event.tid, selector, selector.index);
    /* What else an event shows does not follow from its values. */
    const mayRepeat = event.returned === undefined && !selector.showsMore;
    const repeats = mayRepeat && call?.repeats(event.record) === true;
    if (repeats && call?.line !== undefined) {
      call.line.write(writer, this.#clock);
      return;
    }
    if (call === undefined) {
      this.#calls.add({ process, parent, tid: event.tid, selector, selectorIndex: selector.index });
    }
    this.#writeStart(event, selector, call);
    this.#writeRest(event, selector);
    if (repeats) call?.keepLine(writer);
  }

  /** All that stands before the value of the first argument. */
  #writeStart(event: HookEvent, selector: EncodedSelector, call: RecentCall | undefined): void {
    const { writer } = this;
    if (call?.start !== undefined) {
      writer.raw(call.start);
      return;
    }
    this.#writeProcesses(selector.start, event, event.tid);
    writer.raw(selector.beforeArguments);
    call?.keepStart(writer);
  }

  #writeRest(event: HookEvent, selector: EncodedSelector): void {
    const { writer } = this;
    const end = this.#writeArguments(selector.arguments, event.record);
    const { returnArg } = event.selector.hook;
    const isReturn = selector.showsReturn && returnArg !== undefined && event.returned !== undefined;
    if (!isReturn && !selector.showsMore) {
      selector.end.write(writer, end, this.#clock);
      return;
    }
    writer.raw(end);
    writer.raw(selector.listEnd);
    if (isReturn) {
      writer.raw(returnKey);
      const value = returnValue(returnArg, event.returned.valueLow, event.returned.valueHigh);
      writeArgument(writer, value, returnArg.label);
    }
    if (selector.showsMore) this.#writeMore(event, selector);
    /* Ancestors have times of their own. */
    this.#clock.moveTo(event.ktimeLow, event.ktimeHigh);
    selector.endAfterList.write(writer, nothing, this.#clock);
  }

  /** Writes the arguments from the value of the first up to that of the last; returns what has to follow it. */
  #writeArguments(writers: readonly ArgumentWriter[], record: HookRecord): Buffer {
    const { writer } = this;
    let end: Buffer = nothing;
    for (let index = 0; index < writers.length; index++) {
      const argument = writers[index]!;
      if (index > 0) {
        writer.raw(end);
        writer.raw(argument.start);
      }
      end = argument.write(writer, record);
    }
    return end;
  }

  #encodedSelectorOf(selector: EventSelector): EncodedSelector {
    if (selector === this.#selector) return this.#encodedSelector!;
    let encoded = this.#selectors.get(selector);
    if (encoded === undefined) {
      encoded = encodeSelector(selector, this.#selectorCount++, this.#envelope, this.#content);
      this.#selectors.set(selector, encoded);
    }
    this.#selector = selector;
    this.#encodedSelector = encoded;
    return encoded;
  }
}

/** The parts of a hook event that are the same every time. */
interface EncodedSelector {
  /** Another one for each selector. */
  readonly index: number;
  readonly start: Buffer;
  /** Up to the value of the first argument. */
  readonly beforeArguments: Buffer;
  readonly arguments: readonly ArgumentWriter[];
  readonly showsReturn: boolean;
  /** It has values of `data`, stacks or ancestors. */
  readonly showsMore: boolean;
  readonly data: readonly ArgumentWriter[];
  /** `]`, or nothing when the hook has no arguments. */
  readonly listEnd: Buffer;
  /** What follows the arguments. */
  readonly end: LineEnd;
  /** What follows the end of the list of arguments, and what stands between. */
  readonly endAfterList: LineEnd;
}

function encodeSelector(
  selector: EventSelector,
  index: number,
  envelope: Buffer,
  { withVerdict = false, ancestors }: EventContent,
): EncodedSelector {
  const { hook } = selector;
  const { before, after } = selectorMembers(selector, withVerdict);
  const writers = (args: readonly EventArgument[]): ArgumentWriter[] =>
    args.map((argument, position) => argumentWriter(argument, position === 0));
  const [first, ...others] = writers(hook.args);
  const listEndText = first === undefined ? '' : ']';
  return {
    index,
    start: Buffer.from(`{"process_${hook.event}":{"process":`),
    beforeArguments: Buffer.from(first === undefined ? before : `${before},"args":[${first.start}`),
    arguments: first === undefined ? [] : [first, ...others],
    showsReturn: hook.event === 'kprobe',
    showsMore: hook.data !== undefined || selector.stacks !== undefined || ancestors?.has(hook.event) === true,
    data: writers(hook.data ?? []),
    listEnd: Buffer.from(listEndText),
    end: new LineEnd(Buffer.concat([Buffer.from(listEndText + after), envelope])),
    endAfterList: new LineEnd(Buffer.concat([Buffer.from(after), envelope])),
  };
}

/** What stands before and behind `args` (and `return`). */
function selectorMembers(selector: EventSelector, withVerdict: boolean): { before: string; after: string } {
  const { hook } = selector;
  const action =
    members({ action: selector.action }) +
    (selector.monitoredAction === undefined ? '' : members({ monitor_action: selector.monitoredAction }));
  const message = members({ message: hook.message });
  const tags = hook.tags.length > 0 ? members({ tags: hook.tags }) : '';
  const policy = members({ policy_name: hook.policyName });
  const { before, after } = orderedMembers(hook, { action, message, tags, policy });
  const additions = members({
    severity: hook.severity ?? '',
    mitre_techniques: hook.mitreTechniques ?? [],
    verdict: withVerdict ? verdictOf(selector) : '',
  });
  return { before, after: after + additions };
}

interface SelectorMembers {
  readonly action: string;
  readonly message: string;
  readonly tags: string;
  readonly policy: string;
}

/** The order of the fields differs between the messages. */
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
    case 'uprobe': {
      const { path = '', symbol = '', offset = 0, refCtrOffset = 0 } = hook.uprobe ?? {};
      const place = members({ offset: numberText(offset), ref_ctr_offset: numberText(refCtrOffset) });
      return { before: members({ path, symbol }) + policy + message, after: tags + place + action };
    }
    case 'usdt': {
      const { path = '', provider = '', name = '' } = hook.usdt ?? {};
      return { before: members({ path, provider, name }) + policy + message, after: tags + action };
    }
    default:
      return hook.event satisfies never;
  }
}

/** A 64-bit number as JSON has it, empty for 0. */
function numberText(value: number | bigint): string {
  return value === 0 || value === 0n ? '' : String(value);
}

/** `,"key":value` for each member that is not empty. */
function members(values: Members): string {
  const writer = new JsonWriter(256);
  writeMembers(writer, values, ',');
  return writer.take().toString('utf8');
}

/** The members that are not empty, `separator` before the first. Policy text comes from YAML and may hold lone surrogates. */
function writeMembers(writer: JsonWriter, values: Members, separator: ',' | ''): void {
  let before: string = separator;
  for (const [key, value] of Object.entries(values)) {
    if (value.length === 0) continue;
    writer.ascii(`${before}"${key}":`);
    if (typeof value === 'string') writer.text(value);
    else writeTexts(writer, value);
    before = ',';
  }
}

type Members = Readonly<Record<string, string | readonly string[]>>;

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
const loaderStart = Buffer.from('{"process_loader":{"process":');
const ancestorsKey = Buffer.from(',"ancestors":[');
const dataKey = Buffer.from(',"data":[');
const comma = Buffer.from(',');
const listEnd = Buffer.from(']');
const returnKey = Buffer.from(',"return":');
const lineEnd = Buffer.from('"}\n');
const hookEnd = Buffer.from('Z"}\n');
const nothing = Buffer.alloc(0);
