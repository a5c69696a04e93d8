import type { ArgumentRedactor } from '../events/processes/redact-arguments.ts';
import { FilterError } from './filter-error.ts';
import { type FilterObject, knownFields, regexList } from './filter-json.ts';
import { hasRepeatedGroup } from './repeated-group.ts';

/**
 * Compiles Tetragon's `RedactionFilter` messages: what a capture group of an expression in `redact` catches becomes
 * `*****`, in the arguments of all programs or of those that `binary_regex` names. Filters apply one after another.
 * Where a match contains the caught text more than once, all of it is replaced. Throws a FilterError.
 */
export function compileRedaction(filters: readonly FilterObject[]): ArgumentRedactor | undefined {
  if (filters.length === 0) return undefined;
  const compiled = filters.map(compileFilter);
  return (binary, programArguments) => {
    let text = programArguments;
    for (const { binaries, secrets } of compiled) {
      if (binaries.length > 0 && !binaries.some((regex) => regex.test(binary))) continue;
      for (const regex of secrets) text = text.replace(regex, redactMatch);
    }
    return text;
  };
}

interface CompiledRedaction {
  readonly binaries: readonly RegExp[];
  readonly secrets: readonly RegExp[];
}

function compileFilter(filter: FilterObject): CompiledRedaction {
  const { where } = filter;
  const fields = knownFields(filter, ['match', 'redact', 'binary_regex']);
  if (fields.match !== undefined)
    throw new FilterError(`${where}: field "match" is of older versions: name the programs by "binary_regex"`);
  if (fields.redact === undefined) throw new FilterError(`${where}: field "redact" is missing: nothing is redacted`);
  const secrets = regexList(where, 'redact', fields.redact).map((regex) => new RegExp(regex, 'g'));
  const withoutGroup = secrets.findIndex((regex) => new RegExp(`${regex.source}|`).exec('')!.length === 1);
  if (withoutGroup !== -1) {
    const text = `${where}: field "redact", value ${withoutGroup + 1}`;
    throw new FilterError(`${text}: it has no group in parentheses, so it redacts nothing`);
  }
  const repeated = secrets.findIndex(({ source }) => hasRepeatedGroup(source));
  if (repeated !== -1) {
    const text = `${where}: field "redact", value ${repeated + 1}: a group in parentheses is repeated, and hides only`;
    throw new FilterError(`${text} what it catches last: repeat inside of it, "(?:a|b)+" as "((?:a|b)+)"`);
  }
  return { binaries: regexList(where, 'binary_regex', fields.binary_regex ?? []), secrets };
}

/** Linear matching does not tell where a group is, only what it caught. */
function redactMatch(match: string, ...rest: readonly unknown[]): string {
  const groups = rest.slice(
    0,
    rest.findIndex((part) => typeof part === 'number'),
  );
  const caught = groups.filter((group): group is string => typeof group === 'string' && group !== '');
  /* Longest first: a group inside another one is gone with it. */
  caught.sort((left, right) => right.length - left.length);
  return caught.reduce((text, group) => text.replaceAll(group, replacement), match);
}

const replacement = '*****';
