import { argumentsText } from './arguments.ts';
import { type Process, textOf } from './process.ts';
import { binaryOf } from './process-encoder.ts';
import { processFlags } from './wire.ts';

/** `process.binary` of the process's events, as text. */
export function binaryText(process: Process): string {
  const path = textOf(binaryOf(process));
  return path !== '' && (process.flags & processFlags.BINARY_DELETED) !== 0 ? `${path} (deleted)` : path;
}

/** `process.arguments` of the process's events, as text. */
export function processArguments(process: Process): string {
  return argumentsText(process.image.args);
}
