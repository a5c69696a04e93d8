import { compareBytes, isSameBytes } from './bytes.ts';
import type { Report } from './finding.ts';
import type { SourceText } from './model.ts';

/** The kernel's PATH_MAX: no string that a filter sees is longer. */
export const maxStringLength = 4096;

export interface StringUse {
  readonly match: 'equal' | 'prefix' | 'postfix';
  /** The compared value is an absolute path. */
  readonly isPath: boolean;
}

/** The values as UTF-8 bytes, sorted and unique; what cannot be compared is left out and reported. */
export function stringValues(values: readonly SourceText[], use: StringUse, report: Report): Uint8Array[] {
  const encoded: Uint8Array[] = [];
  for (const value of values) {
    const bytes = stringValue(value, use, report);
    if (bytes !== undefined) encoded.push(bytes);
  }
  encoded.sort(compareBytes);
  return encoded.filter((bytes, index) => index === 0 || !isSameBytes(bytes, encoded[index - 1]!));
}

function stringValue(value: SourceText, use: StringUse, report: Report): Uint8Array | undefined {
  // Older policies end their strings with the NUL byte that ends a C string.
  const text = value.text.replace(/\0+$/, '');
  if (text.includes('\0')) {
    const message = 'A string with a NUL byte inside never matches: the kernel ends strings there';
    report.error(value.position, 'bad-string', message, 'Remove the NUL byte.');
    return undefined;
  }
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > maxStringLength) {
    const message = `The value is ${bytes.length} bytes long; the kernel's longest path has ${maxStringLength}`;
    report.error(value.position, 'string-too-long', message, 'Shorten it.');
    return undefined;
  }
  warnUnlikely(text, value, use, report);
  return bytes;
}

function warnUnlikely(text: string, value: SourceText, use: StringUse, report: Report): void {
  if (text === '' && use.match !== 'equal') {
    const message = `Every string ${use.match === 'prefix' ? 'starts' : 'ends'} with an empty value: it matches everything`;
    report.warning(value.position, 'always-matches', message);
    return;
  }
  if (use.isPath) warnNeverPath(text, use.match, value, report);
}

/** Warns about values that no absolute path without a trailing slash can equal, start with or end with. */
export function warnNeverPath(text: string, match: StringUse['match'], value: SourceText, report: Report): void {
  if (match !== 'postfix' && !text.startsWith('/')) {
    const message = `${JSON.stringify(shorten(text))} never matches: paths are absolute and start with "/"`;
    report.warning(value.position, 'relative-path', message, `Use the whole path, or "Postfix" for its end.`);
    return;
  }
  if (match !== 'prefix' && text.length > 1 && text.endsWith('/')) {
    const message = `${JSON.stringify(shorten(text))} never matches: paths do not end with "/"`;
    report.warning(value.position, 'trailing-slash', message, 'Remove the slash, or use "Prefix" for a directory.');
  }
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
