import type { Environment } from '@marcbachmann/cel-js/evaluator';
import type { Event } from '../events/events.ts';
import { registerAddressFunctions } from './cel-address.ts';
import { celLibrary } from './cel-library.ts';
import { type Json, registerMessages } from './cel-messages.ts';
import { type CelSource, linearMatches, presenceTest, replaceCalls } from './cel-source.ts';
import { FilterError } from './filter-error.ts';
import { compileRegex } from './linear-regex.ts';
import { enumValues, eventFields } from './message-schema.ts';

/** Compiles one expression; `where` begins its messages. Throws a FilterError. */
export type CelCompiler = (expression: string, where: string) => (event: Event) => boolean;

/**
 * Makes the compiler of CEL expressions over events: a variable for each kind of event (`process_exec`), with the fields
 * of its message. An expression is asked only about events of a kind that it names; one that fails has not matched.
 * `lineOf` gives the event as a line of JSON.
 */
export function createCelCompiler(lineOf: (event: Event) => Buffer): CelCompiler {
  let known: CelEnvironment | undefined;
  return (expression, where) => {
    known ??= createEnvironment();
    const { environment, message } = known;
    const { run, events } = compileExpression(environment, expression, where);
    return (event) => {
      const line = JSON.parse(lineOf(event).toString('utf8')) as Json;
      const present = events.filter(({ field }) => line[field] !== undefined);
      if (present.length === 0) return false;
      const variables = present.map(({ field, message: type }) => [field, message(type, line[field] as Json)]);
      try {
        return run(Object.fromEntries(variables)) === true;
      } catch {
        return false;
      }
    };
  };
}

interface CelEnvironment {
  readonly environment: Environment;
  readonly message: ReturnType<typeof registerMessages>;
}

function createEnvironment(): CelEnvironment {
  const environment = new (celLibrary().Environment)({ homogeneousAggregateLiterals: false });
  const message = registerMessages(registerAddressFunctions(environment));
  const regexes = new Map<string, RegExp>();
  const matches = (text: string, pattern: string): boolean => {
    const regex = regexes.get(pattern) ?? compileRegex(pattern);
    if (regexes.size < maxRegexes) regexes.set(pattern, regex);
    return regex.test(text);
  };
  environment
    .registerFunction(`string.${linearMatches}(string): bool`, matches)
    .registerFunction('matches(string, string): bool', matches)
    .registerFunction(`map.${presenceTest}(string): bool`, (map: object, key: string) => Object.hasOwn(map, key))
    .registerFunction('int(uint): int', (value: { valueOf(): bigint }) => value.valueOf());
  for (const [name, values] of enumValues()) registerEnum(environment, name, values);
  for (const { field, message: type } of eventFields()) environment.registerVariable(field, `tetragon.${type}`);
  return { environment, message };
}

interface CompiledExpression {
  readonly run: ReturnType<Environment['parse']>;
  /** The kinds of events that the expression names. */
  readonly events: readonly { readonly field: string; readonly message: string }[];
}

function compileExpression(environment: Environment, expression: string, where: string): CompiledExpression {
  const fail = (reason: string): never => {
    throw new FilterError(`${where}: ${JSON.stringify(expression)}: ${reason}`);
  };
  const written = environment.check(expression);
  let source: CelSource;
  try {
    source = replaceCalls(environment.parse(expression).ast, expression);
    for (const pattern of source.patterns) compileRegex(pattern);
  } catch (error) {
    return fail((error as Error).message);
  }
  const checked = environment.check(source.checked);
  if (!checked.valid) return fail((written.error ?? checked.error)?.message ?? 'it is not valid');
  if (checked.type !== 'bool') return fail(`the result is ${checked.type}, not bool`);
  return {
    run: environment.parse(source.run),
    events: eventFields().filter(({ field }) => source.names.has(field)),
  };
}

/** `KprobeAction.KPROBE_ACTION_SIGKILL`, a number as in the messages. */
function registerEnum(environment: Environment, name: string, values: ReadonlyMap<string, number>): void {
  const constants = Object.fromEntries([...values].map(([value, number]) => [value, BigInt(number)]));
  environment.registerConstant(name, 'map<string, int>', constants);
}

const maxRegexes = 100;
