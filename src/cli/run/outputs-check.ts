import { parseArgs } from 'node:util';
import { type OutputConfig, type ReadOutputs, readOutputs } from '../../destinations/read-outputs.ts';
import { createCelCompiler } from '../../filters/cel-filter.ts';
import { FilterError } from '../../filters/filter-error.ts';
import { printDiagnostics } from '../../policy/print-diagnostic.ts';
import { UsageError } from '../errors.ts';
import { compileFilters } from './open-configured-outputs.ts';

export const outputsCheckUsage = `Usage: jatai outputs check FILE|DIR

Finds the mistakes in what --outputs of jatai run is given, secrets and certificates that cannot be read included. Opens
no output. Exit status 1 when there is a mistake.

Examples:
  jatai outputs check /etc/jatai/outputs.d
`;

/** `jatai outputs check`: returns the exit status. */
export async function outputsCheckCommand(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const [path, ...rest] = positionals;
  if (path === undefined || rest.length > 0) throw new UsageError('Name one file or directory');
  const read = await readOutputs(path);
  const filterErrors = read.outputs.flatMap(filterError);
  process.stdout.write(printDiagnostics(read.diagnostics, read.texts));
  for (const message of filterErrors) process.stdout.write(`${message}\n`);
  const mistakes = read.diagnostics.length + filterErrors.length;
  process.stdout.write(`${summary(read)}: ${mistakes === 0 ? 'no mistakes' : count(mistakes, 'mistake')}\n`);
  return mistakes === 0 ? 0 : 1;
}

/** Whether filters need `--enable-process-cred` is not known here. */
function filterError(output: OutputConfig): string[] {
  const cel = createCelCompiler(() => {
    throw new Error('no event is matched here');
  });
  try {
    compileFilters(output, { withCredentials: true, cel });
    return [];
  } catch (error) {
    if (error instanceof FilterError) return [error.message];
    throw error;
  }
}

function summary({ texts, outputs }: ReadOutputs): string {
  const kinds = outputs.map(({ common }) => `${common.name} (${common.type})`);
  return `${count(texts.size, 'file')}, ${count(outputs.length, 'good output')}${kinds.length > 0 ? ` ${kinds.join(', ')}` : ''}`;
}

function count(number: number, one: string): string {
  return `${number} ${number === 1 ? one : `${one}s`}`;
}
