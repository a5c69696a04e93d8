import { type ConcreteType, familyOf } from './argument-types.ts';
import type { Operator } from './model.ts';

interface OperatorRow {
  readonly operator: Operator;
  /** Accepted besides the full name. */
  readonly spellings: readonly string[];
  readonly applies: (type: ConcreteType) => boolean;
}

const integers = (type: ConcreteType) => familyOf(type) === 'integer';
const strings = (type: ConcreteType) => familyOf(type) === 'string';
const integersAndStrings = (type: ConcreteType) => integers(type) || strings(type);
const sockets = (type: ConcreteType) => familyOf(type) === 'socket';
/** A `sockaddr` is one end of a connection: it has an address and a port, called the source. */
const sources = (type: ConcreteType) => sockets(type) || familyOf(type) === 'sockaddr';
const files = (type: ConcreteType) => type === 'file' || type === 'path';

const rows: readonly OperatorRow[] = [
  { operator: 'Equal', spellings: ['eq'], applies: integersAndStrings },
  { operator: 'NotEqual', spellings: ['neq'], applies: integersAndStrings },
  { operator: 'Prefix', spellings: ['prefix'], applies: strings },
  { operator: 'NotPrefix', spellings: ['notprefix'], applies: strings },
  { operator: 'Postfix', spellings: ['postfix'], applies: strings },
  { operator: 'NotPostfix', spellings: ['notpostfix'], applies: strings },
  { operator: 'GreaterThan', spellings: ['GT', 'gt'], applies: integers },
  { operator: 'LessThan', spellings: ['LT', 'lt'], applies: integers },
  { operator: 'Mask', spellings: ['mask'], applies: integers },
  { operator: 'InMap', spellings: [], applies: integers },
  { operator: 'NotInMap', spellings: [], applies: integers },
  { operator: 'InRange', spellings: [], applies: integers },
  { operator: 'NotInRange', spellings: [], applies: integers },
  { operator: 'SAddr', spellings: ['saddr', 'Saddr'], applies: sources },
  { operator: 'NotSAddr', spellings: ['notsaddr', 'NotSaddr'], applies: sources },
  { operator: 'DAddr', spellings: ['daddr', 'Daddr'], applies: sockets },
  { operator: 'NotDAddr', spellings: ['notdaddr', 'NotDaddr'], applies: sockets },
  { operator: 'SPort', spellings: ['sport', 'Sport'], applies: sources },
  { operator: 'NotSPort', spellings: ['notsport', 'NotSport'], applies: sources },
  { operator: 'DPort', spellings: ['dport', 'Dport'], applies: sockets },
  { operator: 'NotDPort', spellings: ['notdport', 'NotDport'], applies: sockets },
  { operator: 'SPortPriv', spellings: ['sportpriv', 'SportPriv'], applies: sources },
  { operator: 'NotSPortPriv', spellings: ['notsportpriv', 'NotSportPriv'], applies: sources },
  { operator: 'DPortPriv', spellings: ['dportpriv', 'DportPriv'], applies: sockets },
  { operator: 'NotDPortPriv', spellings: ['notdportpriv', 'NotDportPriv'], applies: sockets },
  { operator: 'Protocol', spellings: ['protocol'], applies: sockets },
  { operator: 'Family', spellings: ['family'], applies: sources },
  { operator: 'State', spellings: ['state'], applies: sockets },
  { operator: 'FileType', spellings: [], applies: files },
  { operator: 'NotFileType', spellings: [], applies: files },
];

/** Operators the language knows and the compiler does not, with what to use instead. */
export const notCompiledOperators: Readonly<Record<string, string>> = {
  SubString: 'Use "Prefix" or "Postfix".',
  SubStringIgnCase: 'Use "Prefix" or "Postfix" with one value for each spelling.',
  CapabilitiesGained: 'Use matchCapabilities to filter on the capabilities of the process.',
  CelExpr: 'Write the expression as several filters: they are ANDed in a selector, and selectors are ORed.',
};

const bySpelling: ReadonlyMap<string, Operator> = new Map(
  rows.flatMap((row) => [row.operator, ...row.spellings].map((spelling) => [spelling, row.operator] as const)),
);

/** Every accepted spelling of the compiled operators. */
export const operatorSpellings: readonly string[] = [...bySpelling.keys()];

/** The operator of a spelling (`eq`, `GT`, `NotSportPriv`), or undefined. */
export function operatorOf(spelling: string): Operator | undefined {
  return bySpelling.get(spelling);
}

/** The operators that can filter an argument of `type`, in the order the documentation lists them. */
export function operatorsFor(type: ConcreteType): readonly Operator[] {
  return rows.filter((row) => row.applies(type)).map((row) => row.operator);
}

export function operatorApplies(operator: Operator, type: ConcreteType): boolean {
  return rows.some((row) => row.operator === operator && row.applies(type));
}
