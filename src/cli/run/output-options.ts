import { type OptionValues, option, optional } from '../../config/option.ts';
import {
  booleanType,
  choiceType,
  countType,
  durationType,
  fileModeType,
  sizeType,
  textType,
} from '../../config/option-types.ts';
import {
  type AggregationOptions,
  defaultAggregation,
  longestWindowMs,
  mostAggregatedEvents,
} from '../../export/aggregation.ts';
import { defaultBufferBytes } from '../../export/buffered-output.ts';
import { UsageError } from '../errors.ts';

/** Settings of the outputs of `jatai run`. */
export const outputOptions = {
  output: optional(
    choiceType(['json', 'compact', 'none']),
    'events on standard output (default: compact on a terminal, else json, none with other outputs)',
    'o',
  ),
  color: option(choiceType(['auto', 'always', 'never']), 'auto', 'colours of compact events'),
  export: optional(textType('FILE'), 'append events as JSON lines to a file (mode 0600), without limit'),
  'export-filename': optional(textType('FILE'), 'the same, with rotation'),
  'export-file-max-size-mb': optional(
    countType('N', { min: 1, max: 2 ** 20 }),
    'put the file aside before it exceeds this (default 10)',
  ),
  'export-file-max-backups': optional(countType('N'), 'files kept besides the live one, 0 for all (default 5)'),
  'export-file-rotation-interval': optional(durationType, 'put the file aside after this time too'),
  'export-file-compress': optional(booleanType, 'gzip the files put aside'),
  'export-file-perm': optional(fileModeType, 'permissions of new files (default 600)'),
  'export-rate-limit': option(
    countType('N', { min: -1 }),
    -1,
    'events per minute that each output takes; -1 for all, 0 for none',
  ),
  'export-sequence-numbers': option(booleanType, false, 'number the JSON events of each output, so that gaps show'),
  outputs: optional(textType('FILE|DIR'), 'more outputs, as YAML files describe them: files, syslog, webhooks, ...'),
  'enable-export-aggregation': option(
    booleanType,
    false,
    'write equal calls of a process as one event with a count, when a window ends',
  ),
  'export-aggregation-window-size': option(
    durationType,
    defaultAggregation.windowMs,
    'how long such events are collected',
  ),
  'export-aggregation-buffer-size': option(
    countType('N', { min: 1, max: mostAggregatedEvents }),
    defaultAggregation.maxEvents,
    'different events that are collected at a time; one more ends the window',
  ),
  'output-buffer-size': option(
    sizeType({ min: 16 * 2 ** 20, max: 2 ** 30 }),
    defaultBufferBytes,
    'bytes kept for each output that cannot be written for a while',
  ),
} as const;

export interface OutputSettings {
  readonly output: 'json' | 'compact' | 'none';
  readonly color: 'auto' | 'always' | 'never';
  readonly file: FileSettings | undefined;
  /** Events per minute; undefined for all. */
  readonly ratePerMinute: number | undefined;
  /** Undefined: equal events are not joined. */
  readonly aggregation: AggregationOptions | undefined;
  readonly bufferBytes: number;
  readonly sequenceNumbers: boolean;
  /** A file or a directory that describes more outputs. */
  readonly outputsPath: string | undefined;
  /** Options that were given and have no effect, with the reason. */
  readonly notices: readonly string[];
}

export interface FileSettings {
  readonly path: string;
  readonly mode: number;
  /** 0 for no limit. */
  readonly maxBytes: number;
  readonly intervalMs: number;
  readonly maxBackups: number;
  readonly compress: boolean;
}

/** Throws a UsageError for values that contradict each other. */
export function outputSettings(
  values: OptionValues<typeof outputOptions>,
  isTerminal = process.stdout.isTTY,
): OutputSettings {
  const file = fileSettings(values);
  const outputsPath = values.outputs || undefined;
  const hasOthers = file !== undefined || outputsPath !== undefined;
  const fallback = isTerminal ? 'compact' : hasOthers ? 'none' : 'json';
  const rate = values['export-rate-limit'];
  const output = values.output ?? fallback;
  return {
    output,
    color: values.color,
    file,
    ratePerMinute: rate === -1 ? undefined : rate,
    aggregation: aggregationOf(values),
    bufferBytes: values['output-buffer-size'],
    sequenceNumbers: values['export-sequence-numbers'],
    outputsPath,
    notices: [...uselessOptions(values), ...uselessAggregation(values, output)],
  };
}

function aggregationOf(values: OptionValues<typeof outputOptions>): AggregationOptions | undefined {
  if (!values['enable-export-aggregation']) return undefined;
  const windowMs = values['export-aggregation-window-size'];
  if (windowMs > longestWindowMs)
    throw new UsageError('--export-aggregation-window-size is longer than an hour: events would be that late');
  return { windowMs, maxEvents: values['export-aggregation-buffer-size'] };
}

function fileSettings(values: OptionValues<typeof outputOptions>): FileSettings | undefined {
  const path = values['export-filename'] || undefined;
  if (path === undefined) {
    if (!values.export) return undefined;
    return { path: values.export, mode: defaultMode, maxBytes: 0, intervalMs: 0, maxBackups: 0, compress: false };
  }
  if (values.export)
    throw new UsageError('--export and --export-filename both name the file of events: give one of them');
  return {
    path,
    mode: writableMode(values['export-file-perm'] ?? defaultMode),
    maxBytes: (values['export-file-max-size-mb'] ?? 10) * 2 ** 20,
    maxBackups: values['export-file-max-backups'] ?? 5,
    intervalMs: values['export-file-rotation-interval'] ?? 0,
    compress: values['export-file-compress'] ?? false,
  };
}

function writableMode(mode: number): number {
  if ((mode & 0o200) !== 0) return mode;
  throw new UsageError(`--export-file-perm ${mode.toString(8)} does not let the agent write: use 600 or 640`);
}

function uselessOptions(values: OptionValues<typeof outputOptions>): string[] {
  if (values['export-filename']) return [];
  return fileOptions
    .filter((name) => values[name] !== undefined && values[name] !== false)
    .map((name) => `--${name} has no effect: it is about the file of --export-filename, which is not given`);
}

function uselessAggregation(
  values: OptionValues<typeof outputOptions>,
  output: OutputSettings['output'],
): readonly string[] {
  if (!values['enable-export-aggregation'] || output !== 'compact') return [];
  return ['--enable-export-aggregation has no effect on compact events, only on JSON'];
}

const defaultMode = 0o600;
const fileOptions = [
  'export-file-max-size-mb',
  'export-file-max-backups',
  'export-file-rotation-interval',
  'export-file-compress',
  'export-file-perm',
] as const;
