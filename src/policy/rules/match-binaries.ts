import { binaryMatch } from '../binary-match.ts';
import type { Report } from '../finding.ts';
import type { SourceText } from '../model.ts';
import { warnNeverPath } from '../operand-strings.ts';
import { isEmptyList, keyPositionOf, mapsOf, type SourceMap, textOf, textsOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** Bytes of a program's path that the process state keeps. */
export const maxBinaryLength = 510;

/** Bytes at the end of a path that are kept apart when the path itself is longer than what is kept. */
export const maxBinaryPostfixLength = 256;

/** The paths of `matchBinaries` are such that a process can have them and its state can hold them. */
export const matchBinaries: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    for (const filter of hook.selectors.flatMap((selector) => mapsOf(selector.node, 'matchBinaries'))) {
      checkFilter(filter, report);
    }
  }
};

function checkFilter(filter: SourceMap, report: Report): void {
  if (isEmptyList(filter, 'values')) {
    const position = keyPositionOf(filter, 'values');
    report.error(position, 'missing-values', 'A filter of "matchBinaries" needs at least one path', 'Add "values".');
  }
  const match = binaryMatch(textOf(filter, 'operator')?.text ?? '');
  for (const value of textsOf(filter, 'values')) checkPath(match, value, report);
}

function checkPath(match: 'equal' | 'prefix' | 'postfix', value: SourceText, report: Report): void {
  const { length } = new TextEncoder().encode(value.text);
  const bound = match === 'postfix' ? maxBinaryPostfixLength : maxBinaryLength;
  if (length > bound) {
    const message = `The path is ${length} bytes long; ${bound} are compared for a running process`;
    report.error(value.position, 'string-too-long', message, longHint(match));
  } else if (value.text.includes('\0')) {
    report.error(value.position, 'bad-string', 'A path has no NUL byte', 'Remove the NUL byte.');
  } else if (value.text === '') {
    report.error(value.position, 'empty-value', 'The path of a program is never empty', 'Write the path or remove it.');
  } else {
    warnNeverPath(value.text, match, value, report);
  }
}

function longHint(match: 'equal' | 'prefix' | 'postfix'): string {
  return match === 'equal' ? 'Use "Postfix" with the end of the path, or "Prefix" with its directory.' : 'Shorten it.';
}
