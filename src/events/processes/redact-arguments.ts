import { argumentsText, hasNoArguments } from './arguments.ts';
import { type Process, wholeRange } from './process.ts';
import { binaryText } from './process-text.ts';

/** Replaces what must not be seen in the arguments of a program; both are the text of events. */
export type ArgumentRedactor = (binary: string, programArguments: string) => string;

/** Redacts the arguments of a process, from where on nobody sees the others. To be called before its first event. */
export function redactArguments(process: Process, redact: ArgumentRedactor): void {
  const { image } = process;
  if (image.args.joined === true || hasNoArguments(image.args)) return;
  const text = argumentsText(image.args);
  const redacted = redact(binaryText(process), text);
  if (redacted === text) return;
  image.args = { ...wholeRange(Buffer.from(redacted)), joined: true };
  process.encoded = undefined;
}
