import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import type { KernelFacts } from '../../compiler/kernel-facts.ts';
import { InputError, isSystemError, systemReason } from '../errors.ts';
import { factsFormat, factsSchema } from './facts-schema.ts';
import type { FactsFile } from './print-facts.ts';

const remedy = 'Make it with: jatai facts > FILE, on the kernel in question and with this version of jatai.';

/** Reads what `jatai facts` wrote. Throws an InputError that says what is wrong with the file. */
export function readFactsFile(path: string): FactsFile {
  const facts = parseJson(path, readText(path));
  const format = (facts as { schema?: unknown } | null)?.schema;
  if (typeof format === 'number' && format !== factsFormat) {
    throw new InputError(`${path}: facts of format ${format}; this jatai reads format ${factsFormat}`, remedy);
  }
  const validate = new Ajv({ strict: true }).compile<FactsFile>(factsSchema);
  if (validate(facts)) return facts;
  throw new InputError(`${path}: not a facts file: ${explainError(validate.errors![0]!)}`, remedy);
}

/** The same for `--facts`: says so when the file has only part of its kernel's facts. */
export function readStoredFacts(path: string): KernelFacts {
  const facts = readFactsFile(path);
  if (facts.partial) {
    process.stderr.write(
      `jatai: ${path} has part of its kernel's facts: a name it does not know may be there all the same\n`,
    );
  }
  return facts;
}

/** The same, or those of this kernel without a file: says so when not all of them can be found out. */
export async function factsFrom(path: string | undefined): Promise<KernelFacts> {
  if (path !== undefined) return readStoredFacts(path);
  /* Only now: a file needs nothing of the system. */
  const { collectFacts } = await import('../../kernel/facts.ts');
  if (process.getuid?.() !== 0) {
    process.stderr.write(
      'jatai: not root: what this kernel can do is presumed, not tried, and tracepoints may be missing; use --facts FILE\n',
    );
  }
  return collectFacts();
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new InputError(`${path}: ${systemReason(error)}`, remedy);
  }
}

function parseJson(path: string, text: string): unknown {
  if (text.trim() === '') throw new InputError(`${path}: the facts file is empty`, remedy);
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as SyntaxError;
    const position = Number(/at position (\d+)/.exec(message)?.[1] ?? text.length);
    const isCut = text.trimStart().startsWith('{') && position >= text.trimEnd().length;
    throw new InputError(
      `${path}: ${isCut ? 'the facts file ends too early' : `not a facts file: ${message}`}`,
      remedy,
    );
  }
}

/** `/features/lsm: must have required property 'reason'` as one line for people. */
function explainError({ instancePath, keyword, message, params }: ErrorObject): string {
  const place =
    instancePath === ''
      ? ''
      : `${instancePath.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~')}: `;
  if (keyword === 'required') return `${place}"${params['missingProperty']}" is missing`;
  if (keyword === 'enum') return `${place}must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`;
  return `${place}${message ?? keyword}`;
}
