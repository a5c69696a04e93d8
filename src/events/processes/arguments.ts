import { type ArgumentRange, type TextRange, textOf, trimmedEnd } from './process.ts';

/** What `writeArguments` writes to; `escaped` takes text of the kernel, the others what needs no change. */
export interface ArgumentsWriter {
  byte(value: number): void;
  raw(bytes: Buffer): void;
  escaped(bytes: Buffer, start: number, end: number): void;
}

/**
 * Writes the arguments of a program as Tetragon does (`pkg/process/args.go`), with `quote` for a double quote: argv[1]
 * and the following joined by spaces; an element with a space is put in double quotes, with a blank before it even when
 * it is the first; inner quotes are not escaped; empty elements at the start and at the end disappear.
 *
 * `argv` is argv as it lies in memory, argv[0] included, NUL after each element.
 */
export function writeArguments(writer: ArgumentsWriter, argv: ArgumentRange, quote: Buffer): void {
  const { bytes } = argv;
  if (argv.joined === true) {
    writer.escaped(bytes, argv.start, argv.end);
    return;
  }
  const end = trimmedEnd(argv.bytes, argv.start, argv.end);
  let start = elementEnd(bytes, argv.start, end) + 1;
  let empty = true;
  while (start < end) {
    const stop = elementEnd(bytes, start, end);
    const quoted = hasSpace(bytes, start, stop);
    if (quoted || !empty) writer.byte(SPACE);
    if (quoted) writer.raw(quote);
    writer.escaped(bytes, start, stop);
    if (quoted) writer.raw(quote);
    if (stop > start) empty = false;
    start = stop + 1;
  }
}

/** The same text as a JavaScript string. */
export function argumentsText(argv: ArgumentRange): string {
  if (argv.joined === true) return textOf(argv);
  const elements = textOf({ ...argv, end: trimmedEnd(argv.bytes, argv.start, argv.end) })
    .split('\0')
    .slice(1);
  let text = '';
  for (const element of elements) {
    if (element.includes(' ')) text += ` "${element}"`;
    else text = text === '' ? element : `${text} ${element}`;
  }
  return text;
}

/**
 * argv element by element, argv[0] first and empty ones included; nothing when they are not known one by one, because
 * parts of them were redacted. Each is a range of `bytes`.
 */
export function* argumentElements({ bytes, start, end, joined }: ArgumentRange): Generator<TextRange> {
  if (joined === true) return;
  while (start < end) {
    const stop = elementEnd(bytes, start, end);
    yield { bytes, start, end: stop };
    start = stop + 1;
  }
}

/** True when there is nothing to write. */
export function hasNoArguments(argv: ArgumentRange): boolean {
  if (argv.joined === true) return argv.end === argv.start;
  const end = trimmedEnd(argv.bytes, argv.start, argv.end);
  return elementEnd(argv.bytes, argv.start, end) >= end;
}

function elementEnd(bytes: Buffer, start: number, end: number): number {
  let stop = start;
  while (stop < end && bytes[stop] !== 0) stop++;
  return stop;
}

function hasSpace(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    if (bytes[index] === SPACE) return true;
  }
  return false;
}

const SPACE = 0x20;
