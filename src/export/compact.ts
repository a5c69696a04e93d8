import { argumentsText } from '../events/arguments.ts';
import type { KprobeAction } from '../events/event-plan.ts';
import type { TypedSink } from '../events/event-sink.ts';
import type { Event, HookEvent } from '../events/events.ts';
import { signalName } from '../events/names.ts';
import { type Process, textOf } from '../events/process.ts';
import { processFlags } from '../events/wire.ts';
import type { BufferedOutput } from './buffered-output.ts';
import type { Colors } from './colors.ts';
import { callDetails } from './compact-details.ts';
import { printable, quoted } from './printable.ts';

export interface CompactOptions {
  readonly nodeName: string;
  readonly colors: Colors;
}

/** Writes events as one line of text each, for humans. */
export class CompactSink implements TypedSink {
  readonly takes = 'events';
  readonly output: BufferedOutput;
  readonly #options: CompactOptions;

  constructor(output: BufferedOutput, options: CompactOptions) {
    this.output = output;
    this.#options = options;
  }

  write(event: Event): void {
    const line = Buffer.from(`${compactText(event, this.#options)}\n`);
    this.output.append(line, 0, line.length);
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
  const { colors } = options;
  const bare = (emoji: string, tag: string, ...details: readonly string[]): string =>
    [
      colors.blue(`${emoji} ${tag.padEnd(7)}`),
      colors.green(options.nodeName),
      ...details.filter((detail) => detail !== ''),
    ].join(' ');
  const line = (emoji: string, tag: string, process: Process, ...details: readonly string[]): string =>
    bare(emoji, tag, colors.magenta(quoted(binaryText(process))), ...details);
  switch (event.kind) {
    case 'exec':
      return line('🚀', 'process', event.process, colors.cyan(processArguments(event.process)));
    case 'exit': {
      const end = event.signal === 0 ? String(event.status) : signalName(event.signal);
      return line('💥', 'exit', event.process, colors.cyan(processArguments(event.process)), colors.red(end));
    }
    case 'hook': {
      const { emoji, tag, details } = callDetails(event);
      return line(emoji, tag, event.process, colors.cyan(details), colors.red(actionText(event)));
    }
    case 'throttle':
      return bare('🧬', 'throttle', colors.cyan(event.type.replace('THROTTLE_', '')), quoted(textOf(event.cgroup)));
    case 'rateLimit':
      return bare('🧬', 'rate_limit', colors.red(`${event.dropped} events dropped`));
    default:
      return event satisfies never;
  }
}

function binaryText(process: Process): string {
  const { binary, filename } = process.image;
  const path = textOf(binary) || textOf(filename);
  if (path === '') return `<pid ${process.tgid}>`;
  return (process.flags & processFlags.BINARY_DELETED) !== 0 ? `${path} (deleted)` : path;
}

function processArguments(process: Process): string {
  const text = printable(argumentsText(process.image.args).trimStart());
  return (process.flags & processFlags.TRUNC_ARGS) !== 0 ? `${text}…` : text;
}

/** What was done to the process besides reporting it, or would have been done in monitor mode. */
function actionText({ selector }: HookEvent): string {
  if (selector.monitoredAction !== undefined) return `would ${shortAction(selector.monitoredAction)}`;
  return selector.action === 'KPROBE_ACTION_POST' ? '' : shortAction(selector.action);
}

function shortAction(action: KprobeAction): string {
  return action.replace('KPROBE_ACTION_', '');
}
