import { resolve } from 'node:path';
import type { DestinationContext } from '../../destinations/destination.ts';
import type { CommonOutput } from '../../destinations/output-keys.ts';
import type { DestinationOutputConfig, FileOutputConfig, OutputConfig } from '../../destinations/read-outputs.ts';
import { BufferedOutput, defaultBatchBytes, type OutputOptions } from '../../export/buffered-output.ts';
import { JsonSink, type JsonSinkOptions, lineInSchema } from '../../export/json-sink.ts';
import type { LineOutput } from '../../export/line-output.ts';
import { RotatingFile } from '../../export/rotating-file.ts';
import { stdoutOutput } from '../../export/stdout.ts';
import { compileEventLists, type EventPredicate, type FilterContext } from '../../filters/event-filter.ts';
import { compileFieldFilters, type LineCutter } from '../../filters/field-filter.ts';
import type { FilterObject } from '../../filters/filter-json.ts';
import { printDiagnostics } from '../../policy/print-diagnostic.ts';
import type { LineSchema } from '../../schemas/line-schemas.ts';
import { InputError } from '../errors.ts';
import { readVersion } from '../version.ts';

/** An output that a file describes. */
export interface ConfiguredOutput {
  readonly name: string;
  readonly sink: JsonSink;
}

export interface ConfiguredOutputsInput {
  /** File or directory. */
  readonly path: string;
  readonly context: FilterContext;
  readonly nodeName: string;
  readonly lossLine: (dropped: number) => Buffer;
  readonly report: (message: string, lost?: number) => void;
  /** Places that outputs of the command line write to: names of files, and `standard output`. */
  readonly taken?: readonly string[];
}

/** The files that outputs were read from. */
export interface OutputFiles {
  readonly path: string;
  readonly texts: ReadonlyMap<string, string>;
}

/** Whether the files are others now than they were when the outputs were opened. */
export async function haveOutputsChanged({ path, texts }: OutputFiles): Promise<boolean> {
  const { readOutputs } = await import('../../destinations/read-outputs.ts');
  const { texts: now } = await readOutputs(path);
  return now.size !== texts.size || [...now].some(([file, text]) => texts.get(file) !== text);
}

/**
 * Opens what the files describe. Rejects with an InputError when there is a mistake in them, after it was shown, with a
 * FilterError, or with the system's error when a file cannot be opened.
 */
export async function openConfiguredOutputs(
  input: ConfiguredOutputsInput,
): Promise<{ readonly opened: readonly ConfiguredOutput[]; readonly files: OutputFiles }> {
  const { readOutputs } = await import('../../destinations/read-outputs.ts');
  const { outputs, diagnostics, texts } = await readOutputs(input.path);
  if (diagnostics.length > 0) {
    process.stderr.write(printDiagnostics(diagnostics, texts));
    throw new InputError(`--outputs ${input.path}: it has mistakes`, 'jatai outputs check shows them too.');
  }
  for (const output of outputs) refuseTaken(output, input.taken ?? []);
  const opened: ConfiguredOutput[] = [];
  for (const output of outputs) opened.push({ name: output.common.name, sink: await openOutput(output, input) });
  return { opened, files: { path: input.path, texts } };
}

/** Lines of two outputs would come between each other. */
function refuseTaken(output: OutputConfig, taken: readonly string[]): void {
  if (output.kind === 'destination') return;
  const place = output.kind === 'file' ? output.settings.path : 'standard output';
  const isTaken = output.kind === 'file' ? taken.some((one) => resolve(one) === resolve(place)) : taken.includes(place);
  if (!isTaken) return;
  const where = `${output.file}:${output.line}:${output.column}`;
  throw new InputError(`${where}: an option of the command line writes to ${place} already`, 'Remove one of the two.');
}

/** What an output lets pass, and what of it. Throws a FilterError that names the file and the place. */
export function compileFilters(
  { file, common }: OutputConfig,
  context: FilterContext,
): { accepts: EventPredicate | undefined; cut: LineCutter | undefined } {
  const located = (key: 'allowList' | 'denyList' | 'fieldFilters'): FilterObject[] =>
    common[key].map(({ values, where }) => ({ values, where: `${file}:${where}: ${key}` }));
  return {
    accepts: compileEventLists(located('allowList'), located('denyList'), context),
    cut: compileFieldFilters(located('fieldFilters')),
  };
}

async function openOutput(config: OutputConfig, input: ConfiguredOutputsInput): Promise<JsonSink> {
  const { common } = config;
  const schema = await schemaOf(common);
  const sinkOptions: JsonSinkOptions = {
    ...compileFilters(config, input.context),
    aggregation: common.aggregation && {
      windowMs: common.aggregation.window,
      maxEvents: common.aggregation.maxEvents,
    },
    ratePerMinute: common.rateLimit,
    sequenceNumbers: common.sequenceNumbers,
    lossLine: input.lossLine,
  };
  if (config.kind === 'destination') {
    return new JsonSink(await openDestination(config, schema, input), sinkOptions);
  }
  const lossLine = (dropped: number): Buffer => {
    const line = input.lossLine(dropped);
    return schema === undefined ? line : lineInSchema(schema, line);
  };
  const options: OutputOptions = { maxBytes: common.bufferSize, report: input.report, lossLine };
  const output = config.kind === 'stdout' ? stdoutOutput(options) : await openFile(config, options);
  return new JsonSink(output, { ...sinkOptions, schema, lossLine });
}

async function openFile({ settings }: FileOutputConfig, options: OutputOptions): Promise<BufferedOutput> {
  const { path, permissions, maxSize, maxBackups, rotationInterval, compress } = settings;
  const rotation = { maxBytes: maxSize, maxBackups, intervalMs: rotationInterval, compress };
  const file = await RotatingFile.open(path, { mode: permissions, ...rotation, report: options.report! });
  /* It is between two batches that a file is put aside. */
  const batchBytes = maxSize === 0 ? defaultBatchBytes : Math.min(defaultBatchBytes, maxSize);
  return new BufferedOutput(file, { ...options, batchBytes });
}

async function openDestination(
  { common, type, delivery, settings }: DestinationOutputConfig,
  schema: LineSchema | undefined,
  { nodeName, lossLine, report }: ConfiguredOutputsInput,
): Promise<LineOutput> {
  const { name, bufferSize } = common;
  const context: DestinationContext = {
    nodeName,
    version: readVersion(),
    report: (message) => report(`${name}: ${message}`),
  };
  const destination = await type.open(settings, context);
  const { BatchedOutput } = await import('../../destinations/batched-output.ts');
  return new BatchedOutput(destination, { name, settings: { ...delivery, bufferSize }, schema, lossLine, report });
}

/** Loaded only when an output asks for one; undefined for Tetragon's own. */
async function schemaOf({ schema }: CommonOutput): Promise<LineSchema | undefined> {
  if (schema === 'tetragon') return undefined;
  const { lineSchemas } = await import('../../schemas/line-schemas.ts');
  return lineSchemas[schema];
}
