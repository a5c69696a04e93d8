import type { Environment } from '@marcbachmann/cel-js/evaluator';
import type { Event } from '../events/events.ts';
import { registerAddressFunctions } from './cel-address.ts';
import { celLibrary, celPrinter } from './cel-library.ts';
import { type Json, registerMessages } from './cel-messages.ts';
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
  environment.registerFunction(`string.${linearMatches}(string): bool`, (text: string, pattern: string) => {
    const regex = regexes.get(pattern) ?? compileRegex(pattern);
    if (regexes.size < maxRegexes) regexes.set(pattern, regex);
    return regex.test(text);
  });
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
  const checked = environment.check(expression);
  if (!checked.valid) return fail(checked.error?.message ?? 'it is not valid');
  if (checked.type !== 'bool') return fail(`the result is ${checked.type}, not bool`);
  const { ast } = environment.parse(expression);
  const names = new Set<string>();
  try {
    visit(ast, (node) => prepare(node, names));
  } catch (error) {
    return fail((error as Error).message);
  }
  return {
    run: environment.parse(celPrinter().serialize(ast)),
    events: eventFields().filter(({ field }) => names.has(field)),
  };
}

interface Node {
  op: string;
  args: unknown;
}

/** Notes names, and has regular expressions matched by ours: in RE2's syntax, in linear time. */
function prepare(node: Node, names: Set<string>): void {
  if (node.op === 'id') names.add(node.args as string);
  if (node.op !== 'rcall') return;
  const call = node.args as [name: string, receiver: Node, args: Node[]];
  if (call[0] !== 'matches') return;
  call[0] = linearMatches;
  const pattern = call[2][0];
  if (pattern?.op === 'value' && typeof pattern.args === 'string') compileRegex(pattern.args);
}

function visit(node: unknown, action: (node: Node) => void): void {
  if (Array.isArray(node)) {
    for (const element of node) visit(element, action);
  } else if (typeof node === 'object' && node !== null && 'op' in node && 'args' in node) {
    action(node as Node);
    visit(node.args, action);
  }
}

/** `KprobeAction.KPROBE_ACTION_SIGKILL`, a number as in the messages. */
function registerEnum(environment: Environment, name: string, values: ReadonlyMap<string, number>): void {
  const constants = Object.fromEntries([...values].map(([value, number]) => [value, BigInt(number)]));
  environment.registerConstant(name, 'map<string, int>', constants);
}

const linearMatches = 'matchesInLinearTime';
const maxRegexes = 100;
