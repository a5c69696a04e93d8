import type { Colors } from './colors.ts';
import { type ArgumentText, type CallText, callDetails } from './compact-details.ts';
import {
  compactLine,
  execText,
  exitText,
  type LineText,
  loaderText,
  lossText,
  outcomeText,
  throttleText,
} from './compact-line.ts';
import { type JsonArgument, jsonArgumentText } from './json-argument-text.ts';
import { printable } from './printable.ts';

/** An event as Tetragon's JSON has it. */
// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
type Json = any;

export interface CompactJsonOptions {
  readonly colors: Colors;
  /** Puts the time in front of each event. */
  readonly timestamps: boolean;
  readonly stackTraces: boolean;
  readonly imaHash: boolean;
}

/** The compact text of an event that was read as JSON: one line, and one for each stack entry or hash. */
export function compactJsonText(event: Json, options: CompactJsonOptions): string {
  const found = eventParts(event);
  if (found === undefined) return '';
  const time = options.timestamps ? `${event.time ?? ''} ` : '';
  const line = time + compactLine(found.line, options.colors);
  return [line, ...furtherLines(found.content, options)].join('\n');
}

interface EventParts {
  readonly line: LineText;
  /** The message of the event. */
  readonly content: Json;
}

/** Undefined for an event of a kind that is not known here. */
function eventParts(event: Json): EventParts | undefined {
  for (const [kind, describe] of Object.entries(describers)) {
    const content = event[kind];
    if (content === undefined) continue;
    const { process } = content;
    const source = podName(process) ?? event.node_name ?? '';
    const binary = process === undefined ? '' : (process.binary ?? `<pid ${process.pid}>`);
    return { content, line: { source, binary, ...describe(content) } };
  }
  return undefined;
}

type PartText = Omit<LineText, 'source' | 'binary'>;

const describers: Readonly<Record<string, (content: Json) => PartText>> = {
  process_exec: ({ process }) => execText(processArguments(process)),
  process_exit: ({ process, signal, status }) =>
    exitText(processArguments(process), signal === undefined ? String(status ?? 0) : signal),
  process_kprobe: (content) => hookText(content, 'kprobe', [content.function_name]),
  process_tracepoint: (content) => hookText(content, 'tracepoint', [content.subsys, content.event]),
  process_lsm: (content) => hookText(content, 'lsm', [content.function_name]),
  process_uprobe: (content) => hookText(content, 'uprobe', [content.path, content.symbol]),
  process_usdt: (content) => hookText(content, 'usdt', [content.path, content.provider, content.name]),
  process_loader: ({ path, buildid }) =>
    loaderText(printable(path ?? ''), Buffer.from(buildid ?? '', 'base64').toString('hex')),
  process_throttle: ({ type, cgroup }) => throttleText(type ?? '', cgroup ?? ''),
  rate_limit_info: ({ number_of_dropped_process_events: count }) => lossText(count ?? 0),
};

function hookText(content: Json, event: CallText['event'], name: readonly (string | undefined)[]): PartText {
  const args: ArgumentText[] = [...(content.args ?? []), ...(content.data ?? [])].map(argumentText);
  const returned = content.return === undefined ? undefined : argumentText(content.return);
  const call = { event, name: name.map((part) => printable(part ?? '')), args, returned };
  return { ...callDetails(call), outcome: outcomeText(content.action ?? 'KPROBE_ACTION_POST', content.monitor_action) };
}

function argumentText(argument: JsonArgument): ArgumentText {
  const number = argument['int_arg'] ?? argument['uint_arg'] ?? argument['long_arg'] ?? argument['size_arg'];
  const bits = number === undefined ? undefined : Number(BigInt.asIntN(32, BigInt(number as string | number)));
  return { text: jsonArgumentText(argument), bits };
}

function processArguments(process: Json): string {
  const text = printable((process?.arguments ?? '').trimStart());
  return /\btruncArgs\b/.test(process?.flags ?? '') ? `${text}…` : text;
}

function podName(process: Json): string | undefined {
  const pod = process?.pod;
  return pod === undefined ? undefined : printable(`${pod.namespace ?? ''}/${pod.name ?? ''}`);
}

function furtherLines(content: Json, { stackTraces, imaHash }: CompactJsonOptions): string[] {
  const lines: string[] = [];
  if (stackTraces) {
    for (const [title, field] of stackFields) {
      const entries: Json[] = content[field] ?? [];
      if (entries.length > 0) lines.push(`   ${title}:`, ...entries.map((entry) => `     ${stackEntryText(entry)}`));
    }
  }
  if (imaHash && content.ima_hash !== undefined) lines.push(`   IMA hash: ${printable(content.ima_hash)}`);
  return lines;
}

const stackFields = [
  ['Kernel', 'kernel_stack_trace'],
  ['User space', 'user_stack_trace'],
] as const;

function stackEntryText({ address, symbol, offset, module }: Json): string {
  const parts = [
    address === undefined ? '' : `0x${BigInt(address).toString(16)}:`,
    `${printable(symbol ?? '')}+0x${BigInt(offset ?? 0).toString(16)}`,
    module === undefined ? '' : `(${printable(module)})`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}
