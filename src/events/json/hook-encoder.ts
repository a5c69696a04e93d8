import type { HookRecord } from '../decode.ts';
import type { EventContent } from '../event-content.ts';
import type { EventSelector, EventStack } from '../event-plan.ts';
import type { HookEvent } from '../events.ts';
import { stackEntries } from '../hooks/stack-trace.ts';
import type { EncodedProcess } from '../processes/process.ts';
import { returnValue } from '../values.ts';
import type { WallClock } from '../wall-clock.ts';
import type { ArgumentWriter } from './argument-writer.ts';
import { type EncodedSelector, encodeSelector } from './encoded-selector.ts';
import { numberText, writeMembers } from './json-members.ts';
import type { JsonWriter } from './json-writer.ts';
import type { ProcessWriter } from './process-writer.ts';
import { type RecentCall, RecentCalls } from './recent-calls.ts';
import { writeArgument } from './value-json.ts';

export interface HookEncoderParts {
  /** For the same writer. */
  readonly processes: ProcessWriter;
  readonly clock: WallClock;
  /** What stands between the members of an event and its time. */
  readonly envelope: Buffer;
  readonly content: EventContent;
}

/**
 * The lines of calls that policies matched, which are most of all events: put together from pieces of the processes, of
 * the selector and of calls that came lately.
 */
export class HookEncoder {
  readonly #writer: JsonWriter;
  readonly #processes: ProcessWriter;
  readonly #clock: WallClock;
  readonly #envelope: Buffer;
  readonly #content: EventContent;
  readonly #calls = new RecentCalls();
  readonly #selectors = new WeakMap<EventSelector, EncodedSelector>();
  #selectorCount = 0;
  /** The one that was used last, and what it was for. */
  #selector: EventSelector | undefined;
  #encodedSelector: EncodedSelector | undefined;

  constructor(writer: JsonWriter, { processes, clock, envelope, content }: HookEncoderParts) {
    this.#writer = writer;
    this.#processes = processes;
    this.#clock = clock;
    this.#envelope = envelope;
    this.#content = content;
  }

  /** Writes the line of an event. */
  write(event: HookEvent): void {
    const writer = this.#writer;
    const process = this.#processes.encoded(event.process);
    const parent = event.parent === undefined ? undefined : this.#processes.encoded(event.parent);
    /* After the processes, which have times of their own. */
    const nanoseconds = this.#clock.moveTo(event.ktimeLow, event.ktimeHigh);
    this.#writeToSecond(event, process, parent);
    writer.fraction(nanoseconds);
    writer.raw(hookEnd);
  }

  /** The line up to the second of its time, which the clock has been moved to. */
  #writeToSecond(event: HookEvent, process: EncodedProcess, parent: EncodedProcess | undefined): void {
    const writer = this.#writer;
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
    const writer = this.#writer;
    if (call?.start !== undefined) {
      writer.raw(call.start);
      return;
    }
    writer.raw(selector.start);
    this.#processes.writeProcess(event.process, event.tid);
    this.#processes.writeParent(event);
    writer.raw(selector.beforeArguments);
    call?.keepStart(writer);
  }

  #writeRest(event: HookEvent, selector: EncodedSelector): void {
    const writer = this.#writer;
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
    const writer = this.#writer;
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

  /** What few events have. */
  #writeMore(event: HookEvent, { data }: EncodedSelector): void {
    const writer = this.#writer;
    const [first] = data;
    if (first !== undefined) {
      writer.raw(dataKey);
      writer.raw(first.start);
      writer.raw(this.#writeArguments(data, event.record));
      writer.raw(listEnd);
    }
    for (const stack of event.selector.stacks ?? []) this.#writeStack(event, stack);
    this.#processes.writeAncestors(event);
  }

  #writeStack(event: HookEvent, stack: EventStack): void {
    const writer = this.#writer;
    if (this.#content.stacks === undefined) return;
    let separator = `,"${stack.of}_stack_trace":[{`;
    for (const { address, offset, symbol, module } of stackEntries(event, stack, this.#content.stacks)) {
      writer.ascii(separator);
      writeMembers(writer, { address: numberText(address), offset: numberText(offset), symbol, module }, '');
      separator = '},{';
    }
    if (separator === '},{') writer.ascii('}]');
  }
}

const dataKey = Buffer.from(',"data":[');
const listEnd = Buffer.from(']');
const returnKey = Buffer.from(',"return":');
const hookEnd = Buffer.from('Z"}\n');
const nothing = Buffer.alloc(0);
