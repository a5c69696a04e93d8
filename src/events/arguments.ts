import type { JsonWriter } from './json-writer.ts';

/**
 * Writes the arguments of a program as Tetragon does (`pkg/process/args.go`), as the inside of a JSON string: argv[1]
 * and the following joined by spaces; an element with a space is put in double quotes, with a blank before it even when
 * it is the first; inner quotes are not escaped; empty elements at the start and at the end disappear.
 *
 * `argv` is argv as it lies in memory, argv[0] included, NUL after each element.
 */
export function writeArguments(writer: JsonWriter, argv: Buffer): void {
  const end = trimmedEnd(argv);
  let start = argv.indexOf(0) + 1;
  if (start === 0) return;
  let empty = true;
  while (start <= end) {
    const stop = elementEnd(argv, start, end);
    const quoted = hasSpace(argv, start, stop);
    if (quoted || !empty) writer.byte(SPACE);
    if (quoted) writer.raw(escapedQuote);
    writer.escaped(argv, start, stop);
    if (quoted) writer.raw(escapedQuote);
    if (stop > start) empty = false;
    start = stop + 1;
  }
}

/** The same text as a JavaScript string. */
export function argumentsText(argv: Buffer): string {
  const elements = argv.subarray(0, trimmedEnd(argv)).toString('utf8').split('\0').slice(1);
  let text = '';
  for (const element of elements) {
    if (element.includes(' ')) text += ` "${element}"`;
    else text = text === '' ? element : `${text} ${element}`;
  }
  return text;
}

/** True when there is nothing to write. */
export function hasNoArguments(argv: Buffer): boolean {
  const first = argv.indexOf(0);
  return first < 0 || trimmedEnd(argv) <= first;
}

/** End of the last element that is not empty. */
function trimmedEnd(argv: Buffer): number {
  let end = argv.length;
  while (end > 0 && argv[end - 1] === 0) end--;
  return end;
}

function elementEnd(argv: Buffer, start: number, end: number): number {
  let stop = start;
  while (stop < end && argv[stop] !== 0) stop++;
  return stop;
}

function hasSpace(argv: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    if (argv[index] === SPACE) return true;
  }
  return false;
}

const SPACE = 0x20;
const escapedQuote = Buffer.from('\\"');
