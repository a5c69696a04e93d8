import type { Colors } from './colors.ts';
import { quoted } from './printable.ts';

/** The parts of a line of compact text. */
export interface LineText {
  readonly emoji: string;
  readonly tag: string;
  /** Node, or namespace and pod. */
  readonly source: string;
  readonly binary: string;
  readonly details: string;
  /** How it ended: exit status, signal, action. */
  readonly outcome: string;
}

/** `🚀 process node1 /usr/bin/curl https://example.org`: emoji, tag, source, binary, details; without a newline. */
export function compactLine({ emoji, tag, source, binary, details, outcome }: LineText, colors: Colors): string {
  const parts = [
    colors.blue(`${emoji} ${tag.padEnd(7)}`),
    colors.green(source),
    binary === '' ? '' : colors.magenta(quoted(binary)),
    colors.cyan(details),
    colors.red(outcome),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/** What a line says of an event, besides whose it is. */
export type EventText = Pick<LineText, 'emoji' | 'tag' | 'details' | 'outcome'>;

export function execText(processArguments: string): EventText {
  return { emoji: '🚀', tag: 'process', details: processArguments, outcome: '' };
}

export function exitText(processArguments: string, end: string): EventText {
  return { emoji: '💥', tag: 'exit', details: processArguments, outcome: end };
}

/** `buildId` is in hexadecimal digits, empty when there is none. */
export function loaderText(path: string, buildId: string): EventText {
  return { emoji: '🧬', tag: 'loader', details: path, outcome: buildId };
}

/** `type` is `THROTTLE_START` or `THROTTLE_STOP`. */
export function throttleText(type: string, cgroup: string): EventText {
  const details = `${type.replace('THROTTLE_', '')} ${quoted(cgroup)}`;
  return { emoji: '🧬', tag: 'throttle', details, outcome: '' };
}

export function lossText(count: number | string): EventText {
  return { emoji: '🧬', tag: 'rate_limit', details: '', outcome: `${count} events dropped` };
}

/** What was done to the process besides reporting it, or would have been done in monitor mode. */
export function outcomeText(action: string, monitoredAction: string | undefined): string {
  if (monitoredAction !== undefined) return `would ${shortAction(monitoredAction)}`;
  return action === 'KPROBE_ACTION_POST' ? '' : shortAction(action);
}

function shortAction(action: string): string {
  return action.replace('KPROBE_ACTION_', '');
}
