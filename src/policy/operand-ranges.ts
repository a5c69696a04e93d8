import type { Domain } from './argument-types.ts';
import type { Report } from './finding.ts';
import { parseInteger } from './integer-text.ts';
import type { SourceText } from './model.ts';

/** Both ends belong to it. */
export interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

/** The one number of `value` as a range, or nothing with the reason reported. `what` names the kind of number. */
export function integerValue(value: SourceText, domain: Domain, what: string, report: Report): Range[] {
  const number = boundedInteger(value.text, value, domain, what, report);
  return number === undefined ? [] : [{ min: number, max: number }];
}

/** The range `min:max` of `value`, ends included. Swapped ends are read in order, with a warning. */
export function rangeValue(value: SourceText, domain: Domain, what: string, report: Report): Range[] {
  const ends = value.text.split(':');
  if (ends.length !== 2) {
    const message = `${JSON.stringify(value.text)} is not a range`;
    const single = parseInteger(value.text) === undefined ? '"min:max"' : `"${value.text}:${value.text}"`;
    report.error(value.position, 'bad-range', message, `Write ${single}.`);
    return [];
  }
  const first = boundedInteger(ends[0]!, value, domain, what, report);
  const second = boundedInteger(ends[1]!, value, domain, what, report);
  if (first === undefined || second === undefined) return [];
  if (first <= second) return [{ min: first, max: second }];
  const message = `The range ${JSON.stringify(value.text)} goes from its greater end to its lesser one`;
  report.warning(value.position, 'swapped-range', message, `It is read as "${ends[1]}:${ends[0]}".`);
  return [{ min: second, max: first }];
}

function boundedInteger(
  text: string,
  value: SourceText,
  domain: Domain,
  what: string,
  report: Report,
): bigint | undefined {
  const number = parseInteger(text);
  if (number === undefined) {
    const hint = 'Numbers are decimal, 0x hexadecimal, 0 or 0o octal, or 0b binary.';
    report.error(value.position, 'bad-number', `${JSON.stringify(text)} is not a number`, hint);
    return undefined;
  }
  if (number >= domain.min && number <= domain.max) return number;
  const message = `${text} is out of range for ${what}: from ${domain.min} to ${domain.max}`;
  report.error(value.position, 'out-of-range', message, twosComplementHint(number, domain, what));
  return undefined;
}

/** Masks and flags are often copied from headers as unsigned numbers. */
function twosComplementHint(number: bigint, domain: Domain, what: string): string {
  if (!domain.signed || number < 0n || number >= 1n << BigInt(domain.bits)) return '';
  return `As ${what} these bits are ${BigInt.asIntN(domain.bits, number)}.`;
}

/** The same set of numbers as sorted ranges that neither overlap nor touch. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((left, right) => (left.min < right.min ? -1 : left.min > right.min ? 1 : 0));
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || range.min > last.max + 1n) merged.push(range);
    else if (range.max > last.max) merged[merged.length - 1] = { min: last.min, max: range.max };
  }
  return merged;
}
