import { addressText } from '../events/address.ts';
import { domainOf } from '../policy/argument-types.ts';
import { capabilityNames } from '../policy/capabilities.ts';
import { familyNumbers, fileTypeNumbers, protocolNumbers, stateNumbers } from '../policy/network-names.ts';
import type { Component, Operand } from '../policy/operand.ts';
import type { Network } from '../policy/operand-networks.ts';
import type { Range } from '../policy/operand-ranges.ts';
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

const addressFamilies = { ipv4: 2, ipv6: 10 } as const;

/** `destination port of sk is 22 or 512 to 514`. */
export function explainTest(test: PlanTest, value: PlanValue, name: string, facts: KernelFacts): string {
  const subject = test.component === 'self' ? name : `${componentWords[test.component]} ${name}`;
  return `${subject} ${explainMatch(test.match, test.negate, numberWords(test.component, value, facts))}`;
}

/** `is less than 0`, for a filter on a return value of type `type`. */
export function explainReturnFilter(operand: Operand, type: PlanValue['type']): string {
  const negate = 'negate' in operand && operand.negate;
  return explainMatch(operand, negate, integerWords(type));
}

/** How the numbers of a value are put into words. */
interface NumberWords {
  readonly range: (range: Range) => string;
  readonly maskVerb: Verb;
  readonly bits: (mask: bigint) => readonly string[];
}

function explainMatch(match: PlanMatch, negate: boolean, words: NumberWords): string {
  switch (match.kind) {
    case 'ranges':
      return alternatives(verbs.is, match.ranges.map(words.range), negate);
    case 'mask':
      return alternatives(words.maskVerb, words.bits(match.mask), negate);
    case 'strings':
      return alternatives(
        stringVerbs[match.match],
        match.values.map((text) => quote(Buffer.from(text).toString())),
        negate,
      );
    case 'networks':
      return alternatives(verbs.isIn, match.networks.map(networkText), negate);
    default:
      return match satisfies never;
  }
}

/** How a comparison is said: of any of several alternatives, of one that must not hold, of several that must not. */
interface Verb {
  readonly any: string;
  readonly not: string;
  readonly none: string;
}

const verbs = {
  is: { any: 'is', not: 'is not', none: 'is none of' },
  isIn: { any: 'is in', not: 'is not in', none: 'is in none of' },
  startsWith: { any: 'starts with', not: 'does not start with', none: 'starts with none of' },
  endsWith: { any: 'ends with', not: 'does not end with', none: 'ends with none of' },
  hasBit: { any: 'has a bit of', not: 'has no bit of', none: 'has no bit of' },
  hold: { any: 'hold', not: 'do not hold', none: 'hold none of' },
} as const satisfies Record<string, Verb>;

const stringVerbs = { equal: verbs.is, prefix: verbs.startsWith, postfix: verbs.endsWith } as const;

function alternatives(verb: Verb, words: readonly string[], negate: boolean): string {
  if (!negate) return `${verb.any} ${joinWords(words, 'or')}`;
  return words.length === 1 ? `${verb.not} ${words[0]}` : `${verb.none} ${joinWords(words, 'and')}`;
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
  if (value.source.kind === 'capabilities') return capabilityWords;
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
    maskVerb: verbs.hasBit,
    bits: (mask) => [`0x${mask.toString(16)}`],
  };
}

const capabilityWords: NumberWords = {
  ...integerWords('uint64'),
  maskVerb: verbs.hold,
  bits: (mask) => {
    const numbers = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => mask & (1n << BigInt(bit)));
    return numbers.map((number) => capabilityNames[number] ?? `capability ${number}`);
  },
};

function networkText({ family, address, prefixLength }: Network): string {
  const bytes = Buffer.from(address);
  const text = addressText(family === 4 ? addressFamilies.ipv4 : addressFamilies.ipv6, {
    bytes,
    start: 0,
    end: bytes.length,
  });
  /* Events show a mapped address as IPv4; the length of the prefix counts the bits before it. */
  const shown = family === 6 && !text.includes(':') ? `::ffff:${text}` : text;
  return prefixLength === bytes.length * 8 ? shown : `${shown}/${prefixLength}`;
}
