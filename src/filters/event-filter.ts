import type { Event } from '../events/events.ts';
import { containerId } from '../events/json/process-encoder.ts';
import { ancestorsOf } from '../events/processes/ancestors.ts';
import type { Process } from '../events/processes/process.ts';
import { binaryText, processArguments } from '../events/processes/process-text.ts';
import { processFlags } from '../events/wire.ts';
import { compileCapabilityFilter } from './capability-filter.ts';
import type { CelCompiler } from './cel-filter.ts';
import { eventTypeName, eventTypes, parentOf, processOf } from './event-types.ts';
import { FilterError } from './filter-error.ts';
import {
  boolean,
  enumList,
  type FilterObject,
  knownFields,
  nestedObject,
  pidList,
  regexList,
  stringList,
} from './filter-json.ts';
import { checkLabelSelector } from './label-selector.ts';

export type EventPredicate = (event: Event) => boolean;

export interface FilterContext {
  /** Whether processes have their credentials: filters by capabilities need them. */
  readonly withCredentials?: boolean;
  /** Compiles CEL expressions; without it they are refused. */
  readonly cel?: CelCompiler | undefined;
}

/**
 * Compiles Tetragon's `Filter` messages. The predicate holds for events that match one of them, so for none when the
 * list is empty; of a filter all fields must match, of a field one value. What depends on the process alone is found out
 * once for each process. Throws a FilterError.
 */
export function compileEventFilter(filters: readonly FilterObject[], context: FilterContext = {}): EventPredicate {
  const compiled = filters.map((filter) => allOf(compileFields(filter, context)));
  return (event) => {
    for (const matches of compiled) {
      if (matches(event)) return true;
    }
    return false;
  };
}

/**
 * Compiles an allow list and a deny list: an event passes that the first matches, or that there is none, and the second
 * does not. Undefined when every event passes.
 */
export function compileEventLists(
  allow: readonly FilterObject[],
  deny: readonly FilterObject[],
  context: FilterContext = {},
): EventPredicate | undefined {
  if (allow.length === 0 && deny.length === 0) return undefined;
  const allows = compileEventFilter(allow, context);
  const denies = compileEventFilter(deny, context);
  if (allow.length === 0) return (event) => !denies(event);
  return (event) => allows(event) && !denies(event);
}

function compileFields(filter: FilterObject, context: FilterContext): EventPredicate[] {
  const fields = knownFields(filter, filterFields);
  return filterFields.flatMap((name) =>
    fields[name] === undefined ? [] : [compileField(name, fields[name], filter.where, context)],
  );
}

function compileField(name: FilterField, value: unknown, where: string, context: FilterContext): EventPredicate {
  const regexes = (): ((text: string) => boolean) => anyRegex(where, name, value);
  switch (name) {
    case 'binary_regex':
      return ofProcess(textTest(binaryText, regexes()));
    case 'parent_binary_regex':
      return ofParent(textTest(binaryText, regexes()));
    case 'ancestor_binary_regex':
      return ofProcess(ofAncestors(textTest(binaryText, regexes())));
    case 'arguments_regex':
      return ofProcess(textTest(processArguments, regexes()));
    case 'parent_arguments_regex':
      return ofParent(textTest(processArguments, regexes()));
    case 'container_id':
      return ofProcess(textTest((process) => containerId(process.image.cgroup), regexes()));
    case 'pid': {
      const pids = new Set(pidList(where, name, value));
      return (event) => pids.has(processOf(event)?.tgid ?? -1);
    }
    case 'pid_set':
      return ofProcess(ofDescendants(new Set(pidList(where, name, value))));
    case 'event_set': {
      const types = new Set(enumList(where, name, value, eventTypes));
      return (event) => types.has(eventTypes[eventTypeName(event)]);
    }
    case 'policy_names': {
      const names = new Set(stringList(where, name, value));
      return (event) => event.kind === 'hook' && names.has(event.selector.hook.policyName);
    }
    case 'capabilities':
      if (context.withCredentials !== true)
        throw new FilterError(`${where}: field "${name}" needs --enable-process-cred, without which none are known`);
      return ofProcess(compileCapabilityFilter(nestedObject(where, name, value)));
    case 'in_init_tree': {
      const wanted = boolean(where, name, value);
      return ofProcess((process) => ((process.flags & processFlags.IN_INIT_TREE) !== 0) === wanted);
    }
    case 'cel_expression':
      return compileCel(where, stringList(where, name, value), context);
    default:
      return compilePodField(name, value, where);
  }
}

/** Fields about pods and their containers. This agent knows of none: its processes are in no pod. */
function compilePodField(name: PodField, value: unknown, where: string): EventPredicate {
  switch (name) {
    case 'namespace': {
      const outside = stringList(where, name, value).includes('');
      return ofProcess(() => outside);
    }
    case 'health_check': {
      const wanted = boolean(where, name, value);
      return () => !wanted;
    }
    case 'labels':
      for (const text of stringList(where, name, value)) checkLabelSelector(text, `${where}: field "${name}"`);
      return () => false;
    case 'namespace_regex':
    case 'pod_regex':
    case 'container_name_regex':
      anyRegex(where, name, value);
      return () => false;
    default:
      return name satisfies never;
  }
}

function compileCel(where: string, expressions: readonly string[], context: FilterContext): EventPredicate {
  const { cel } = context;
  if (cel === undefined) throw new FilterError(`${where}: field "cel_expression" is not supported here`);
  const compiled = expressions.map((text, index) => cel(text, `${where}: field "cel_expression", value ${index + 1}`));
  return (event) => compiled.some((matches) => matches(event));
}

function anyRegex(where: string, field: string, value: unknown): (text: string) => boolean {
  const regexes = regexList(where, field, value);
  return (text) => regexes.some((regex) => regex.test(text));
}

function textTest(textOf: (process: Process) => string, test: (text: string) => boolean): ProcessTest {
  return (process) => test(textOf(process));
}

type ProcessTest = (process: Process) => boolean;

function ofProcess(test: ProcessTest): EventPredicate {
  const known = remembered(test);
  return (event) => {
    const process = processOf(event);
    return process !== undefined && known(process);
  };
}

function ofParent(test: ProcessTest): EventPredicate {
  const known = remembered(test);
  return (event) => {
    const parent = parentOf(event);
    return parent !== undefined && known(parent);
  };
}

/** What is true of a process stays true of it. */
function remembered(test: ProcessTest): ProcessTest {
  const answers = new WeakMap<Process, boolean>();
  return (process) => {
    let answer = answers.get(process);
    if (answer === undefined) {
      answer = test(process);
      answers.set(process, answer);
    }
    return answer;
  };
}

/** Ancestors are those above the parent, as in Tetragon's events. */
function ofAncestors(test: ProcessTest): ProcessTest {
  return (process) => ancestorsOf(process).some(test);
}

function ofDescendants(pids: ReadonlySet<number>): ProcessTest {
  const answers = new WeakMap<Process, boolean>();
  const isIn = (process: Process, depth: number): boolean => {
    const known = answers.get(process);
    if (known !== undefined) return known;
    const parent = depth < maxDepth ? parentAbove(process) : undefined;
    const answer = pids.has(process.tgid) || (parent !== undefined && isIn(parent, depth + 1));
    answers.set(process, answer);
    return answer;
  };
  return (process) => isIn(process, 0);
}

/** The kernel's own process is its own parent; nothing is above it. */
function parentAbove(process: Process): Process | undefined {
  return process.parent === process ? undefined : process.parent;
}

function allOf(predicates: readonly EventPredicate[]): EventPredicate {
  const [first, second] = predicates;
  if (predicates.length === 1) return first!;
  if (predicates.length === 2) return (event) => first!(event) && second!(event);
  return (event) => predicates.every((matches) => matches(event));
}

type FilterField = (typeof filterFields)[number];
type PodField = 'namespace' | 'namespace_regex' | 'pod_regex' | 'container_name_regex' | 'labels' | 'health_check';

/** Cheap ones first: the others are not asked when one says no. */
const filterFields = [
  'event_set',
  'policy_names',
  'pid',
  'in_init_tree',
  'namespace',
  'health_check',
  'namespace_regex',
  'pod_regex',
  'container_name_regex',
  'labels',
  'binary_regex',
  'parent_binary_regex',
  'container_id',
  'capabilities',
  'pid_set',
  'arguments_regex',
  'parent_arguments_regex',
  'ancestor_binary_regex',
  'cel_expression',
] as const;

/** More generations than any process has; ends the walk in a cache that a bug has bent into a ring. */
const maxDepth = 1000;
