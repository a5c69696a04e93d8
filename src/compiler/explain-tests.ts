import { capabilityNames } from '../policy/capabilities.ts';
import { domainOf } from '../policy/argument-types.ts';
import type { Component, Operand } from '../policy/operand.ts';
import type { Network } from '../policy/operand-networks.ts';
import type { Range } from '../policy/operand-ranges.ts';
import { familyNumbers, fileTypeNumbers, protocolNumbers, stateNumbers } from '../policy/network-names.ts';
import { joinWords, quote } from './explain-text.ts';
import type { PlanMatch, PlanTest, PlanValue } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';

const componentWords: Readonly<Record<Exclude<Component, 'self'>, string>> = {
  fileType: 'file type of',
  saddr: 'source address of',
  daddr: 'destination address of',
  sport: 'source port of',
  dport: 'destination port of',
  protocol: 'protocol of',
  family: 'family of',
  state: 'state of',
};

/** `destination port of sk is 22 or 512 to 514`. */
export function explainTest(test: PlanTest, value: PlanValue, name: string, facts: KernelFacts): string {
  const subject = test.component === 'self' ? name : `${componentWords[test.component]} ${name}`;
  return `${subject} ${explainMatch(test.match, test.negate, numberWords(test.component, value, facts))}`;
}

/** `returns less than 0`, for a filter on the return value of type `type`. */
export function explainReturnFilter(operand: Operand, type: PlanValue['type']): string {
  const negate = 'negate' in operand && operand.negate;
  return explainMatch(operand, negate, integerWords(type));
}

/** How the numbers of a value are put into words. */
interface NumberWords {
  readonly range: (range: Range) => string;
  /** Bits of a mask. */
  readonly mask: (mask: bigint) => string;
}

function explainMatch(match: PlanMatch, negate: boolean, words: NumberWords): string {
  switch (match.kind) {
    case 'ranges':
      return `${negate ? 'is not' : 'is'} ${joinWords(match.ranges.map(words.range), 'or') || 'any number at all'}`;
    case 'mask':
      return `${negate ? 'has none of' : 'has'} ${words.mask(match.mask)}`;
    case 'strings':
      return `${stringVerb(match.match, negate)} ${joinWords(match.values.map((text) => quote(Buffer.from(text).toString())), 'or')}`;
    case 'networks':
      return `${negate ? 'is not' : 'is'} in ${joinWords(match.networks.map(networkText), 'or')}`;
    default:
      return match satisfies never;
  }
}

function stringVerb(match: 'equal' | 'prefix' | 'postfix', negate: boolean): string {
  switch (match) {
    case 'equal':
      return negate ? 'is not' : 'is';
    case 'prefix':
      return negate ? 'does not start with' : 'starts with';
    case 'postfix':
      return negate ? 'does not end with' : 'ends with';
    default:
      return match satisfies never;
  }
}

function numberWords(component: Component, value: PlanValue, facts: KernelFacts): NumberWords {
  switch (component) {
    case 'self':
      break;
    case 'fileType':
      return namedWords(fileTypeNumbers);
    case 'protocol':
      return namedWords(protocolNumbers);
    case 'family':
      return namedWords(familyNumbers);
    case 'state':
      return namedWords(stateNumbers);
    default:
      return integerWords('uint16');
  }
  if (value.source.kind === 'capabilities') return { ...integerWords('uint64'), mask: capabilityText };
  if (value.source.kind !== 'namespace') return integerWords(value.type);
  const host = facts.hostNamespaces[value.source.namespace];
  return namedWords(new Map(host === undefined ? [] : [["the host's", host]]));
}

function namedWords(names: ReadonlyMap<string, number>): NumberWords {
  const plain = integerWords('uint32');
  const nameOf = (number: bigint) => [...names].find(([, known]) => BigInt(known) === number)?.[0];
  return { ...plain, range: (range) => (range.min === range.max && nameOf(range.min)) || plain.range(range) };
}

function integerWords(type: PlanValue['type']): NumberWords {
  const domain = /int\d|syscall64/.test(type) ? domainOf(type) : { min: -(1n << 63n), max: (1n << 64n) - 1n };
  return {
    range: ({ min, max }) => {
      if (min === max) return String(min);
      if (min === domain.min && max === domain.max) return 'any number';
      if (max === domain.max) return `greater than ${min - 1n}`;
      if (min === domain.min && domain.min < 0n) return `less than ${max + 1n}`;
      return `${min} to ${max}`;
    },
    mask: (mask) => `a bit of 0x${mask.toString(16)}`,
  };
}

function capabilityText(mask: bigint): string {
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => mask & (1n << BigInt(bit)));
  return joinWords(bits.map((bit) => capabilityNames[bit] ?? `capability ${bit}`), 'or');
}

function networkText({ family, address, prefixLength }: Network): string {
  const text = family === 4 ? address.join('.') : ipv6Text(address);
  return prefixLength === address.length * 8 ? text : `${text}/${prefixLength}`;
}

/** As RFC 5952 wants it: the longest run of zero groups becomes `::`. */
function ipv6Text(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, group) => (address[2 * group]! << 8) | address[2 * group + 1]!);
  const hex = groups.map((group) => group.toString(16)).join(':');
  const runs = hex.match(/\b0(?::0\b)+/g) ?? [];
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest === '') return hex;
  const at = hex.indexOf(longest);
  return `${hex.slice(0, at).replace(/:$/, '')}::${hex.slice(at + longest.length).replace(/^:/, '')}`;
}
