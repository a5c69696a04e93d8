import type { Credentials, Process, WordPair } from '../events/processes/process.ts';
import { capabilityNames } from '../policy/capabilities.ts';
import { FilterError } from './filter-error.ts';
import { enumList, type FilterObject, knownFields, nestedObject } from './filter-json.ts';

/** Compiles the message `CapFilter`: every set it names must match. */
export function compileCapabilityFilter(filter: FilterObject): (process: Process) => boolean {
  const fields = knownFields(filter, setNames);
  const tests = setNames.flatMap((name) => {
    if (fields[name] === undefined) return [];
    const matches = compileSet(nestedObject(filter.where, name, fields[name]));
    return [(credentials: Credentials) => matches(credentials[name])];
  });
  return ({ credentials }) => credentials !== undefined && tests.every((test) => test(credentials));
}

function compileSet(filter: FilterObject): (set: WordPair) => boolean {
  const fields = knownFields(filter, modes);
  const given = modes.filter((mode) => fields[mode] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? 'none' : given.join(', ');
    throw new FilterError(`${filter.where}: needs exactly one of ${modes.join(', ')}; found ${found}`);
  }
  const mode = given[0]!;
  const wanted = maskOf(enumList(filter.where, mode, fields[mode], capabilityNumbers));
  return (set) => matchesSet(mode, set, wanted);
}

function matchesSet(mode: (typeof modes)[number], set: WordPair, wanted: WordPair): boolean {
  const low = (set.low & wanted.low) >>> 0;
  const high = (set.high & wanted.high) >>> 0;
  switch (mode) {
    case 'any':
      return low !== 0 || high !== 0;
    case 'all':
      return low === wanted.low && high === wanted.high;
    case 'exactly':
      return set.low === wanted.low && set.high === wanted.high;
    case 'none':
      return low === 0 && high === 0;
    default:
      return mode satisfies never;
  }
}

function maskOf(numbers: readonly number[]): WordPair {
  let low = 0;
  let high = 0;
  for (const number of numbers) {
    if (number < 32) low |= 1 << number;
    else high |= 1 << (number - 32);
  }
  return { low: low >>> 0, high: high >>> 0 };
}

const setNames = ['permitted', 'effective', 'inheritable'] as const;
const modes = ['any', 'all', 'exactly', 'none'] as const;

/** Capability 1 is called DAC_OVERRIDE in the API; both spellings are taken. */
const capabilityNumbers: Readonly<Record<string, number>> = {
  ...Object.fromEntries(capabilityNames.map((name, number) => [name, number])),
  DAC_OVERRIDE: 1,
};
