import { type ConcreteType, domainOf, isPathType } from './argument-types.ts';
import { type Finding, type Report, reportInto } from './finding.ts';
import type { ArgFilter, Operator, SourceText } from './model.ts';
import { familyNumbers, fileTypeNumbers, protocolNumbers, stateNumbers } from './network-names.ts';
import { allNetworks, type Network } from './operand-networks.ts';
import { integerValue, mergeRanges, type Range, rangeValue } from './operand-ranges.ts';
import { stringValues } from './operand-strings.ts';
import { operatorApplies, operatorsFor } from './operators.ts';
import { suggest } from './suggest.ts';

/** What part of an argument a filter compares. */
export type Component = 'self' | 'fileType' | 'saddr' | 'daddr' | 'sport' | 'dport' | 'protocol' | 'family' | 'state';

/**
 * What a component is compared with.
 *
 * | kind     | matches when                                                                     |
 * |----------|----------------------------------------------------------------------------------|
 * | ranges   | the value is in one of `ranges`: sorted, disjoint, not adjacent, within the domain of the type, signed for signed types |
 * | mask     | any bit of `mask` is set; never negated                                          |
 * | strings  | the value equals, starts with or ends with one of `values`: UTF-8, sorted, unique |
 * | networks | the address is in one of `networks`; host bits of `address` are zero             |
 *
 * `negate` turns the answer around. A value that cannot be read matches exactly the negated operands.
 */
export type Operand =
  | { readonly kind: 'ranges'; readonly negate: boolean; readonly ranges: readonly Range[] }
  | { readonly kind: 'mask'; readonly mask: bigint }
  | {
      readonly kind: 'strings';
      readonly match: 'equal' | 'prefix' | 'postfix';
      readonly negate: boolean;
      readonly values: readonly Uint8Array[];
    }
  | { readonly kind: 'networks'; readonly negate: boolean; readonly networks: readonly Network[] };

export interface OperandResult {
  readonly component: Component;
  /** Holds only the values that were understood when `diagnostics` has errors. */
  readonly operand: Operand;
  readonly diagnostics: readonly Finding[];
}

/** Gives the values of `filter` their meaning for an argument of `type`. Never throws: what is wrong is in `diagnostics`. */
export function operandOf(type: ConcreteType, filter: ArgFilter): OperandResult {
  const diagnostics: Finding[] = [];
  const report = reportInto(diagnostics);
  if (!operatorApplies(filter.operator, type)) {
    reportOperator(type, filter, report);
    return { component: 'self', operand: { kind: 'ranges', negate: false, ranges: [] }, diagnostics };
  }
  checkValueCount(filter, report);
  const { component, operand } = readOperand(type, filter, report);
  return { component, operand, diagnostics };
}

function reportOperator(type: ConcreteType, filter: ArgFilter, report: Report): void {
  const applicable = operatorsFor(type);
  const hint =
    applicable.length === 0
      ? `An argument of type ${type} cannot be filtered.`
      : `Operators for ${type}: ${applicable.join(', ')}.`;
  const message = `The operator ${filter.operator} does not apply to an argument of type ${type}`;
  report.error(filter.position, 'operator-type', message, hint);
}

function checkValueCount(filter: ArgFilter, report: Report): void {
  const takesNone = filter.operator.endsWith('Priv');
  if (takesNone && filter.values.length > 0) {
    const message = `The operator ${filter.operator} takes no values: privileged ports are those below 1024`;
    report.error(filter.values[0]!.position, 'unexpected-values', message, 'Remove "values".');
  }
  if (!takesNone && filter.values.length === 0) {
    const message = `The operator ${filter.operator} needs at least one value`;
    report.error(filter.position, 'missing-values', message, 'Add "values".');
  }
}

type ComponentOperand = Omit<OperandResult, 'diagnostics'>;

/** Maps each operator to the component it reads and the way its values are read. */
function readOperand(type: ConcreteType, filter: ArgFilter, report: Report): ComponentOperand {
  const { operator, values } = filter;
  const negate = operator.startsWith('Not');
  switch (operator) {
    case 'Equal':
    case 'NotEqual':
      return { component: 'self', operand: equalOperand(type, values, negate, report) };
    case 'Prefix':
    case 'NotPrefix':
      return { component: 'self', operand: stringOperand(type, 'prefix', values, negate, report) };
    case 'Postfix':
    case 'NotPostfix':
      return { component: 'self', operand: stringOperand(type, 'postfix', values, negate, report) };
    case 'GreaterThan':
    case 'LessThan':
      return { component: 'self', operand: comparisonOperand(type, operator, values, report) };
    case 'Mask':
      return { component: 'self', operand: maskOperand(type, filter, report) };
    case 'InMap':
    case 'NotInMap':
      return { component: 'self', operand: mapOperand(type, values, negate, report) };
    case 'InRange':
    case 'NotInRange':
      return { component: 'self', operand: rangeOperand(type, values, negate, report) };
    case 'SAddr':
    case 'NotSAddr':
      return { component: 'saddr', operand: networkOperand(values, negate, report) };
    case 'DAddr':
    case 'NotDAddr':
      return { component: 'daddr', operand: networkOperand(values, negate, report) };
    case 'SPort':
    case 'NotSPort':
      return { component: 'sport', operand: namedOperand(ports, values, negate, report) };
    case 'DPort':
    case 'NotDPort':
      return { component: 'dport', operand: namedOperand(ports, values, negate, report) };
    case 'SPortPriv':
    case 'NotSPortPriv':
      return { component: 'sport', operand: { kind: 'ranges', negate, ranges: [privilegedPorts] } };
    case 'DPortPriv':
    case 'NotDPortPriv':
      return { component: 'dport', operand: { kind: 'ranges', negate, ranges: [privilegedPorts] } };
    case 'Protocol':
      return { component: 'protocol', operand: namedOperand(protocols, values, negate, report) };
    case 'Family':
      return { component: 'family', operand: namedOperand(families, values, negate, report) };
    case 'State':
      return { component: 'state', operand: namedOperand(states, values, negate, report) };
    case 'FileType':
    case 'NotFileType':
      return { component: 'fileType', operand: fileTypeOperand(values, negate, report) };
    default:
      return operator satisfies never;
  }
}

const privilegedPorts: Range = { min: 0n, max: 1023n };

function equalOperand(type: ConcreteType, values: readonly SourceText[], negate: boolean, report: Report): Operand {
  if (isString(type)) return stringOperand(type, 'equal', values, negate, report);
  const domain = domainOf(type);
  const ranges = values.flatMap((value) => integerValue(value, domain, type, report));
  return { kind: 'ranges', negate, ranges: mergeRanges(ranges) };
}

function isString(type: ConcreteType): boolean {
  return operatorApplies('Prefix', type);
}

function stringOperand(
  type: ConcreteType,
  match: 'equal' | 'prefix' | 'postfix',
  values: readonly SourceText[],
  negate: boolean,
  report: Report,
): Operand {
  return { kind: 'strings', match, negate, values: stringValues(values, { match, isPath: isPathType(type) }, report) };
}

/** With several values one that holds is enough, so the widest of them decides. */
function comparisonOperand(
  type: ConcreteType,
  operator: Operator,
  values: readonly SourceText[],
  report: Report,
): Operand {
  const domain = domainOf(type);
  const ranges: Range[] = [];
  for (const value of values) {
    for (const { min: limit } of integerValue(value, domain, type, report)) {
      const range =
        operator === 'GreaterThan' ? { min: limit + 1n, max: domain.max } : { min: domain.min, max: limit - 1n };
      if (range.min <= range.max) ranges.push(range);
      else reportNever(value, `No ${type} is ${operator === 'GreaterThan' ? 'greater' : 'less'} than ${limit}`, report);
    }
  }
  return { kind: 'ranges', negate: false, ranges: mergeRanges(ranges) };
}

/** Bits are those of the type's width: a negative value stands for its two's complement. */
function maskOperand(type: ConcreteType, filter: ArgFilter, report: Report): Operand {
  const domain = domainOf(type);
  const wide = { ...domain, max: (1n << BigInt(domain.bits)) - 1n };
  let mask = 0n;
  for (const value of filter.values) {
    for (const { min } of integerValue(value, wide, type, report)) mask |= BigInt.asUintN(domain.bits, min);
  }
  const onlyZeros = filter.values.length > 0 && filter.values.every((value) => /^[+-]?0[xXoObB]?0*$/.test(value.text));
  if (onlyZeros) reportNever(filter.values[0]!, 'A mask without a bit', report);
  return { kind: 'mask', mask };
}

function mapOperand(type: ConcreteType, values: readonly SourceText[], negate: boolean, report: Report): Operand {
  const domain = domainOf(type);
  const ranges = values.flatMap((value) => {
    if (value.text.startsWith('list:')) {
      const hint = 'Write the numbers of the list as values.';
      report.error(value.position, 'not-compiled-yet', 'A "list:" as value is not compiled yet', hint);
      return [];
    }
    return value.text.includes(':')
      ? rangeValue(value, domain, type, report)
      : integerValue(value, domain, type, report);
  });
  return { kind: 'ranges', negate, ranges: mergeRanges(ranges) };
}

function rangeOperand(type: ConcreteType, values: readonly SourceText[], negate: boolean, report: Report): Operand {
  const domain = domainOf(type);
  const ranges = values.flatMap((value) => rangeValue(value, domain, type, report));
  return { kind: 'ranges', negate, ranges: mergeRanges(ranges) };
}

/** Numbers that have names, or none of them (ports). */
interface NamedNumbers {
  readonly what: string;
  readonly names: ReadonlyMap<string, number>;
  readonly max: bigint;
}

const ports: NamedNumbers = { what: 'port', names: new Map(), max: 65535n };
const protocols: NamedNumbers = { what: 'protocol', names: protocolNumbers, max: 65535n };
const families: NamedNumbers = { what: 'address family', names: familyNumbers, max: 65535n };
const states: NamedNumbers = { what: 'connection state', names: stateNumbers, max: 255n };

function namedOperand(numbers: NamedNumbers, values: readonly SourceText[], negate: boolean, report: Report): Operand {
  const ranges = values.flatMap((value) => namedValue(numbers, value, report));
  return { kind: 'ranges', negate, ranges: mergeRanges(ranges) };
}

function namedValue(numbers: NamedNumbers, value: SourceText, report: Report): Range[] {
  const domain = { signed: false, bits: 16, min: 0n, max: numbers.max };
  if (value.text.includes(':')) return rangeValue(value, domain, numbers.what, report);
  const number = numbers.names.get(value.text);
  if (number !== undefined) return [{ min: BigInt(number), max: BigInt(number) }];
  if (numbers.names.size === 0 || !/^[A-Za-z]/.test(value.text)) {
    return integerValue(value, domain, numbers.what, report);
  }
  const message = `Unknown ${numbers.what} ${JSON.stringify(value.text)}`;
  report.error(value.position, 'unknown-value', message, suggestName(value.text, numbers.names));
  return [];
}

/** `tcp` and `TCP` are what people write for `IPPROTO_TCP`. */
function suggestName(text: string, names: ReadonlyMap<string, number>): string {
  const ending = `_${text.toUpperCase()}`;
  const longer = [...names.keys()].find((name) => name.toUpperCase().endsWith(ending));
  return longer === undefined ? suggest(text, names.keys()) : `Did you mean "${longer}"?`;
}

function fileTypeOperand(values: readonly SourceText[], negate: boolean, report: Report): Operand {
  const ranges = values.flatMap((value) => {
    const mode = fileTypeNumbers.get(value.text);
    if (mode !== undefined) return [{ min: BigInt(mode), max: BigInt(mode) }];
    const near = suggest(value.text, fileTypeNumbers.keys());
    const hint = near === '' ? `File types: ${[...fileTypeNumbers.keys()].join(', ')}.` : near;
    report.error(value.position, 'unknown-value', `Unknown file type ${JSON.stringify(value.text)}`, hint);
    return [];
  });
  return { kind: 'ranges', negate, ranges: mergeRanges(ranges) };
}

function networkOperand(values: readonly SourceText[], negate: boolean, report: Report): Operand {
  return { kind: 'networks', negate, networks: allNetworks(values, report) };
}

function reportNever(value: SourceText, message: string, report: Report): void {
  report.warning(value.position, 'never-matches', `${message}: the value never matches`);
}
