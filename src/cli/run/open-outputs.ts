import type { Logger } from 'pino';
import type { EventSink } from '../../events/event-sink.ts';
import { BufferedOutput, type OutputOptions } from '../../export/buffered-output.ts';
import { colorsFor } from '../../export/colors.ts';
import { CompactSink, compactLossLine } from '../../export/compact.ts';
import { JsonSink, type JsonSinkOptions } from '../../export/json-sink.ts';
import { jsonLossLine } from '../../export/loss-line.ts';
import { RotatingFile } from '../../export/rotating-file.ts';
import { stdoutOutput } from '../../export/stdout.ts';
import type { ObservedOutput } from '../../metrics/sources.ts';
import type { OutputFilters } from './filter-options.ts';
import { haveOutputsChanged, type OutputFiles, openConfiguredOutputs } from './open-configured-outputs.ts';
import type { OutputSettings } from './output-options.ts';

/** The sinks of a run and what is done to all of them. */
export interface Outputs {
  readonly sinks: readonly EventSink[];
  /** The file that was asked for. */
  readonly eventFile: RotatingFile | undefined;
  /** Opens files again that somebody moved away. Warns when the outputs are described otherwise than at the start. */
  reload(): void;
  /** What each of them has done so far. */
  observe(): ObservedOutput[];
  /** Resolves when every closed sink has written what it can. */
  finished(): Promise<void>;
}

interface OutputsInput {
  readonly nodeName: string;
  readonly clusterName: string;
  readonly log: Logger;
  /** Called when whoever read our events went away, and that was the only output. */
  readonly abandoned: () => void;
}

/** Rejects with the system's error when a file cannot be opened. */
export async function openOutputs(
  settings: OutputSettings,
  filters: OutputFilters,
  { nodeName, clusterName, log, abandoned }: OutputsInput,
): Promise<Outputs> {
  for (const notice of settings.notices) log.warn(notice);
  const lossLine = jsonLossLine(nodeName, clusterName);
  const { accepts, cut } = filters;
  const { ratePerMinute, sequenceNumbers, aggregation } = settings;
  const sinkOptions: JsonSinkOptions = { accepts, aggregation, cut, ratePerMinute, sequenceNumbers, lossLine };
  const report = (message: string, lost?: number): void =>
    log.warn(lost === undefined ? {} : { lost: { output: lost } }, message);
  const buffer = { maxBytes: settings.bufferBytes };
  const opened: OpenOutput[] = [];
  const add = (sink: JsonSink | CompactSink): void => void opened.push({ name: sink.output.name, sink });
  const openStdout = (options: OutputOptions): BufferedOutput => {
    const reportStdout = (message: string, lost?: number): void => {
      report(message, lost);
      if (opened.length === 1 && stdout.broken === 'EPIPE') abandoned();
    };
    const stdout = stdoutOutput({ ...buffer, ...options, report: reportStdout });
    return stdout;
  };
  if (settings.output === 'json') add(new JsonSink(openStdout({ lossLine }), sinkOptions));
  if (settings.output === 'compact') {
    const colors = colorsFor(settings.color, process.stdout.isTTY, process.env);
    const compact = { nodeName, colors, accepts };
    add(new CompactSink(openStdout({ lossLine: compactLossLine(compact) }), compact));
  }
  let eventFile: RotatingFile | undefined;
  if (settings.file !== undefined) {
    const { path, ...file } = settings.file;
    const output = { ...buffer, report, lossLine };
    eventFile = await RotatingFile.open(path, { ...file, report });
    add(new JsonSink(new BufferedOutput(eventFile, output), sinkOptions));
  }
  let described: OutputFiles | undefined;
  if (settings.outputsPath !== undefined) {
    const taken = opened.map(({ name }) => name);
    const input = { path: settings.outputsPath, context: filters.context, nodeName, lossLine, report, taken };
    const configured = await openConfiguredOutputs(input);
    opened.push(...configured.opened);
    described = configured.files;
  }
  const sinks = opened.map(({ sink }) => sink);
  return {
    sinks,
    eventFile,
    reload: () => {
      for (const { output } of sinks) output.reopen();
      if (described !== undefined) void warnOfChanges(described, log);
    },
    observe: () =>
      opened.map(({ name, sink }) => ({
        name,
        counters: sink.output.counters(),
        rateLimited: sink instanceof JsonSink ? sink.rateLimited : 0,
        aggregated: sink instanceof JsonSink ? sink.aggregated() : undefined,
      })),
    finished: async () => {
      await Promise.all(sinks.map(({ output }) => output.finished));
    },
  };
}

async function warnOfChanges(files: OutputFiles, log: Logger): Promise<void> {
  if (await haveOutputsChanged(files))
    log.warn(`${files.path}: the outputs have changed; they are as they were until the agent is started again`);
}

interface OpenOutput {
  /** What metrics call it. */
  readonly name: string;
  readonly sink: JsonSink | CompactSink;
}
