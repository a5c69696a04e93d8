import { ownCopy } from '../byte-arena.ts';
import { type Process, type TextRange, wholeRange } from './process.ts';
import { binaryText } from './process-text.ts';
import type { ArgumentRedactor } from './redact-arguments.ts';

/** What events show of the environment of programs. */
export interface EnvironmentSettings {
  /** Only these variables; undefined for all. */
  readonly names: ReadonlySet<string> | undefined;
}

/** A variable; what has no equals sign is the value of one with the name `invalid`, as in Tetragon. */
export interface Variable {
  readonly name: TextRange;
  readonly value: TextRange;
}

/**
 * Keeps of an environment, as it lies in memory, what events may show: the variables asked for, redacted like arguments
 * (`NAME=VALUE` is the text that expressions see). A last variable that was cut is left out.
 */
export function keepEnvironment(
  process: Process,
  environment: Buffer,
  { names }: EnvironmentSettings,
  redact: ArgumentRedactor | undefined,
): void {
  const kept: Buffer[] = [];
  const binary = redact === undefined ? '' : binaryText(process);
  for (const { bytes, start, end } of entriesOf(wholeRange(environment))) {
    if (names !== undefined && !names.has(nameOf(bytes, start, end))) continue;
    const entry = bytes.subarray(start, end);
    kept.push(redact === undefined ? entry : redactEntry(entry, binary, redact), separator);
  }
  process.image.environment = wholeRange(ownCopy(Buffer.concat(kept)));
  process.encoded = undefined;
}

/** The variables that `keepEnvironment` has kept, in their order. */
export function* variablesOf(environment: TextRange): Generator<Variable> {
  for (const { bytes, start, end } of entriesOf(environment)) {
    const equals = equalsSign(bytes, start, end);
    if (equals === -1) yield { name: invalidName, value: { bytes, start, end } };
    else yield { name: { bytes, start, end: equals }, value: { bytes, start: equals + 1, end } };
  }
}

/** Parts that end with a NUL, empty ones left out. */
function* entriesOf({ bytes, start, end }: TextRange): Generator<TextRange> {
  let position = start;
  for (let stop = bytes.indexOf(0, position); stop !== -1 && stop < end; stop = bytes.indexOf(0, position)) {
    if (stop > position) yield { bytes, start: position, end: stop };
    position = stop + 1;
  }
}

/** Empty without an equals sign, which is no name that can be asked for. */
function nameOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, Math.max(start, equalsSign(bytes, start, end)));
}

/** -1 when there is none. */
function equalsSign(bytes: Buffer, start: number, end: number): number {
  const found = bytes.subarray(start, end).indexOf(EQUALS);
  return found === -1 ? -1 : start + found;
}

/** Only what is redacted is written anew: other bytes stay, whether or not they are text. */
function redactEntry(entry: Buffer, binary: string, redact: ArgumentRedactor): Buffer {
  const text = entry.toString('utf8');
  const redacted = redact(binary, text);
  return redacted === text ? entry : Buffer.from(redacted);
}

const EQUALS = 0x3d;
const separator = Buffer.alloc(1);
const invalidName = wholeRange(Buffer.from('invalid'));
