import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type KeyTable, knownHint, listOf, type ProblemReport, readMap, required } from '../config/key-table.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import { compareDiagnostics } from '../policy/finding.ts';
import type { Position } from '../policy/model.ts';
import { parsePolicies } from '../policy/parse.ts';
import { keyPositionOf, type SourceDocument, type SourceMap, type SourceNode } from '../policy/source.ts';
import { type AnyDestinationType, destinationTypes } from './destination-types.ts';
import {
  type CommonOutput,
  type DeliveryConfig,
  deliveryKeys,
  type FileConfig,
  fileKeys,
  outputKeys,
} from './output-keys.ts';

/** One output, as a file describes it. */
export type OutputConfig = FileOutputConfig | StdoutOutputConfig | DestinationOutputConfig;

interface OutputPlace extends Position {
  readonly file: string;
  readonly common: CommonOutput;
}
export interface FileOutputConfig extends OutputPlace {
  readonly kind: 'file';
  readonly settings: FileConfig;
}
export interface StdoutOutputConfig extends OutputPlace {
  readonly kind: 'stdout';
}
export interface DestinationOutputConfig extends OutputPlace {
  readonly kind: 'destination';
  readonly type: AnyDestinationType;
  readonly delivery: DeliveryConfig;
  /** Of the keys that the type defines. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface ReadOutputs {
  /** Those without a mistake, in the order of the files. */
  readonly outputs: readonly OutputConfig[];
  readonly diagnostics: readonly Diagnostic[];
  /** Text of each file by path. */
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * Reads the outputs of a file, or of the files of a directory (`*.yaml` and `*.yml`, by name). Mistakes come back as
 * diagnostics, also when a path cannot be read; never rejects.
 */
export async function readOutputs(path: string): Promise<ReadOutputs> {
  const texts = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  const outputs: OutputConfig[] = [];
  try {
    for (const file of filesOf(path)) texts.set(file, readFileSync(file, 'utf8'));
    if (texts.size === 0) diagnostics.push(mistake(path, start, 'The directory has no files of outputs', ending));
  } catch (error) {
    diagnostics.push(mistake(path, start, `Cannot be read: ${(error as Error).message}`, ''));
  }
  for (const [file, text] of texts) {
    const parsed = parsePolicies(text, file, subject);
    diagnostics.push(...parsed.diagnostics);
    for (const document of parsed.documents) outputs.push(...(await readDocument(document, diagnostics)));
  }
  diagnostics.push(...duplicates(outputs));
  return { outputs, diagnostics: diagnostics.sort(compareDiagnostics), texts };
}

const subject = { name: 'file of outputs', hint: 'Write "outputs:" and a list of outputs.' };
const ending = 'Files of outputs end in .yaml or .yml.';
const start: Position = { line: 1, column: 1 };

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.') && /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

async function readDocument({ file, root }: SourceDocument, diagnostics: Diagnostic[]): Promise<OutputConfig[]> {
  const report: ProblemReport = (position, message, hint = '') =>
    diagnostics.push(mistake(file, position, message, hint));
  const nodes = readMap(root, { outputs: required(listOf<SourceNode>((node) => node)) }, report)?.outputs ?? [];
  const outputs: OutputConfig[] = [];
  for (const node of nodes) {
    const before = diagnostics.length;
    const output = await readOutput(node, file, report);
    if (output !== undefined && diagnostics.length === before) outputs.push(output);
  }
  return outputs;
}

async function readOutput(node: SourceNode, file: string, report: ProblemReport): Promise<OutputConfig | undefined> {
  if (node.kind !== 'map') {
    report(node.position, 'An output is a map', 'Write "- name: ..." and "type: ...".');
    return undefined;
  }
  const typeNode = node.entries.find(({ key }) => key === 'type')?.value;
  const type = typeNode?.kind === 'scalar' ? typeNode.text : undefined;
  const place = { file, ...node.position };
  switch (type) {
    case 'stdout': {
      const common = readMap(node, outputKeys, report)!;
      return { kind: 'stdout', ...place, common };
    }
    case 'file': {
      const [common, settings] = readParts(node, report, outputKeys, fileKeys);
      return { kind: 'file', ...place, common: common as CommonOutput, settings: settings as FileConfig };
    }
    default:
      return readDestination(node, type, place, report);
  }
}

async function readDestination(
  node: SourceMap,
  name: string | undefined,
  place: Position & { readonly file: string },
  report: ProblemReport,
): Promise<DestinationOutputConfig | undefined> {
  if (name === undefined || !Object.hasOwn(destinationTypes, name)) {
    const message = name === undefined ? 'The key "type" is missing' : `Unknown type of output ${JSON.stringify(name)}`;
    const position = node.entries.find(({ key }) => key === 'type')?.value.position ?? node.position;
    report(position, message, knownHint(name ?? '', ['file', 'stdout', ...Object.keys(destinationTypes)]));
    return undefined;
  }
  const type = await destinationTypes[name]!();
  const [common, delivery, settings] = readParts(node, report, outputKeys, deliveryKeys, type.keys);
  type.check?.(settings, (key, message, hint) => report(keyPositionOf(node, key), message, hint));
  const parts = { common: common as CommonOutput, delivery: delivery as DeliveryConfig, settings: settings! };
  return { kind: 'destination', ...place, type, ...parts };
}

/** The values of one map by table: a key belongs to the table that has it. */
function readParts(node: SourceMap, report: ProblemReport, ...tables: KeyTable[]): Record<string, unknown>[] {
  const values: Record<string, unknown> = readMap(node, Object.assign({}, ...tables) as KeyTable, report)!;
  return tables.map((table) => Object.fromEntries(Object.keys(table).map((key) => [key, values[key]])));
}

function duplicates(outputs: readonly OutputConfig[]): Diagnostic[] {
  const seen = new Map<string, OutputConfig>();
  const found: Diagnostic[] = [];
  for (const output of outputs) {
    for (const [thing, hint] of ownThings(output)) {
      const first = seen.get(thing);
      seen.set(thing, first ?? output);
      if (first === undefined) continue;
      found.push(
        mistake(output.file, output, `Another output has ${thing}: the one at ${first.file}:${first.line}`, hint),
      );
    }
  }
  return found;
}

/** What no two outputs can have, and why. */
function ownThings(output: OutputConfig): (readonly [thing: string, hint: string])[] {
  const name = [
    `the name ${JSON.stringify(output.common.name)}`,
    'Metrics and messages need names of their own.',
  ] as const;
  if (output.kind === 'destination') return [name];
  const place = output.kind === 'stdout' ? 'standard output' : `the file ${resolve(output.settings.path)}`;
  return [name, [place, 'Lines of two outputs would come between each other.']];
}

function mistake(file: string, { line, column }: Position, message: string, hint: string): Diagnostic {
  return { file, line, column, severity: 'error', code: 'outputs', message, hint };
}
