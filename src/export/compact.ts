import type { EventHook } from '../events/event-plan.ts';
import type { TypedSink } from '../events/event-sink.ts';
import { type Event, eventArguments, eventReturn, type HookEvent } from '../events/events.ts';
import { signalName } from '../events/names.ts';
import { argumentsText } from '../events/processes/arguments.ts';
import { type Process, shownFlags, textOf } from '../events/processes/process.ts';
import type { EventValue } from '../events/values.ts';
import { processFlags } from '../events/wire.ts';
import type { BufferedOutput } from './buffered-output.ts';
import type { Colors } from './colors.ts';
import { type ArgumentText, type CallText, callDetails } from './compact-details.ts';
import {
  compactLine,
  type EventText,
  execText,
  exitText,
  loaderText,
  lossText,
  outcomeText,
  throttleText,
} from './compact-line.ts';
import { printable } from './printable.ts';
import { valueText } from './value-text.ts';

export interface CompactOptions {
  readonly nodeName: string;
  readonly colors: Colors;
  /** Which events are written; all by default. */
  readonly accepts?: ((event: Event) => boolean) | undefined;
}

/** Writes events as one line of text each, for humans. */
export class CompactSink implements TypedSink {
  readonly takes = 'events';
  readonly output: BufferedOutput;
  readonly accepts: ((event: Event) => boolean) | undefined;
  readonly #options: CompactOptions;

  constructor(output: BufferedOutput, options: CompactOptions) {
    this.output = output;
    this.accepts = options.accepts;
    this.#options = options;
  }

  /** Who watches wants to see what happens: programs that ran before are left out. */
  write(event: Event): void {
    if (event.kind === 'exec' && (event.process.flags & processFlags.PROCFS) !== 0) return;
    const line = Buffer.from(`${compactText(event, this.#options)}\n`);
    this.output.append(line, 0, line.length);
  }

  isBehind(): boolean {
    return this.output.isBehind();
  }

  flush(): void {
    this.output.flush();
  }

  close(): void {
    this.output.close();
  }
}

/** `🚀 process node1 /usr/bin/curl https://example.org`: emoji, tag, node, binary, details; without a newline. */
export function compactText(event: Event, options: CompactOptions): string {
  const source = options.nodeName;
  switch (event.kind) {
    case 'exec':
      return line(event.process, execText(processArguments(event.process)));
    case 'exit': {
      const end = event.signal === 0 ? String(event.status) : signalName(event.signal);
      return line(event.process, exitText(processArguments(event.process), end));
    }
    case 'hook':
      return line(event.process, { ...callDetails(callText(event)), outcome: actionText(event) });
    case 'loader': {
      const { bytes, start, end } = event.buildId;
      return line(event.process, loaderText(printable(textOf(event.path)), bytes.toString('hex', start, end)));
    }
    case 'throttle':
      return compactLine({ source, binary: '', ...throttleText(event.type, textOf(event.cgroup)) }, options.colors);
    case 'rateLimit':
      return compactLine({ source, binary: '', ...lossText(event.dropped) }, options.colors);
    default:
      return event satisfies never;
  }

  function line(process: Process, text: EventText): string {
    return compactLine({ source, binary: binaryText(process), ...text }, options.colors);
  }
}

/** What the call of an event says to people. */
function callText(event: HookEvent): CallText {
  const { hook } = event.selector;
  const returned = eventReturn(event);
  return {
    event: hook.event,
    name: callName(hook),
    args: eventArguments(event).map(({ value }) => argumentText(value)),
    returned: returned && argumentText(returned.value),
  };
}

function callName(hook: EventHook): string[] {
  switch (hook.event) {
    case 'kprobe':
    case 'lsm':
      return [hook.functionName];
    case 'tracepoint':
      return [hook.subsystem, hook.tracepoint];
    case 'uprobe':
      return [hook.uprobe?.path ?? '', hook.uprobe?.symbol ?? ''];
    case 'usdt':
      return [hook.usdt?.path ?? '', hook.usdt?.provider ?? '', hook.usdt?.name ?? ''];
    default:
      return hook.event satisfies never;
  }
}

function argumentText(value: EventValue): ArgumentText {
  return { text: valueText(value), bits: lowBits(value) };
}

function lowBits(value: EventValue): number | undefined {
  switch (value.kind) {
    case 'int':
    case 'uint':
      return value.value;
    case 'long':
    case 'size':
      return value.low;
    default:
      return undefined;
  }
}

/** Makes the line that tells a reader how many events are missing. */
export function compactLossLine(options: CompactOptions): (dropped: number) => Buffer {
  return (dropped) =>
    Buffer.from(`${compactText({ kind: 'rateLimit', dropped, ktimeLow: 0, ktimeHigh: 0 }, options)}\n`);
}

function binaryText(process: Process): string {
  const { binary, filename } = process.image;
  const path = textOf(binary) || textOf(filename);
  if (path === '') return `<pid ${process.tgid}>`;
  return (process.flags & processFlags.BINARY_DELETED) !== 0 ? `${path} (deleted)` : path;
}

function processArguments(process: Process): string {
  const text = printable(argumentsText(process.image.args).trimStart());
  return (shownFlags(process) & processFlags.TRUNC_ARGS) !== 0 ? `${text}…` : text;
}

function actionText({ selector }: HookEvent): string {
  return outcomeText(selector.action, selector.monitoredAction);
}
