import { processFlags } from '../wire.ts';
import { argumentsText } from './arguments.ts';
import { type Process, type TextRange, textOf } from './process.ts';

/** `process.binary` of the process's events, as text. */
export function binaryText(process: Process): string {
  const path = textOf(binaryOf(process));
  return path !== '' && (process.flags & processFlags.BINARY_DELETED) !== 0 ? `${path} (deleted)` : path;
}

/** `process.arguments` of the process's events, as text. */
export function processArguments(process: Process): string {
  return argumentsText(process.image.args);
}

/** The path of what runs; that given to execve, made absolute, when the kernel could not name the binary. */
export function binaryOf(process: Process): TextRange {
  const { binary } = process.image;
  return binary.end > binary.start ? binary : absoluteFilename(process);
}

function absoluteFilename(process: Process): TextRange {
  const { filename, cwd } = process.image;
  if (filename.end === filename.start || filename.bytes[filename.start] === SLASH || cwd.end === cwd.start) {
    return filename;
  }
  const folder = cwd.bytes.subarray(cwd.start, cwd.end);
  const name = filename.bytes.subarray(filename.start, filename.end);
  const bytes = Buffer.concat(folder.at(-1) === SLASH ? [folder, name] : [folder, Buffer.of(SLASH), name]);
  return { bytes, start: 0, end: bytes.length };
}

const SLASH = 0x2f;
