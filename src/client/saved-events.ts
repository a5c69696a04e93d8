import { compileRegex } from '../filters/linear-regex.ts';
import type { JsonEvent } from './agent-client.ts';
import type { EventSelection } from './event-selection.ts';

/** The same selection for events that were saved as JSON lines, made here because no agent is asked. */
export function selectSaved(selection: EventSelection): (event: JsonEvent) => JsonEvent | undefined {
  const tests = testsOf(selection).filter((test) => test !== undefined);
  return (event) => (tests.every((test) => test(event)) ? cutFields(event, selection) : undefined);
}

type EventTest = (event: JsonEvent) => boolean;

function testsOf(selection: EventSelection): (EventTest | undefined)[] {
  const namespaces = selection.host ? ['', ...selection.namespaces] : selection.namespaces;
  return [
    listed(selection.eventTypes, (event) => kindOf(event)?.toUpperCase()),
    listed(namespaces, (event) => namespaceOf(processOf(event))),
    matching(selection.namespaceRegexes, (event) => processOf(event)?.pod?.namespace),
    matching(selection.processes, (event) => processOf(event)?.binary),
    matching(selection.pods, (event) => processOf(event)?.pod?.name),
    matching(selection.containers, (event) => processOf(event)?.pod?.container?.name),
    listed(selection.policyNames, (event) => contentOf(event)?.policy_name),
    listed(selection.pids.map(String), (event) => String(processOf(event)?.pid)),
  ];
}

function listed(values: readonly string[], read: (event: JsonEvent) => string | undefined): EventTest | undefined {
  if (values.length === 0) return undefined;
  const wanted = new Set(values);
  return (event) => wanted.has(read(event)!);
}

function matching(regexes: readonly string[], read: (event: JsonEvent) => string | undefined): EventTest | undefined {
  if (regexes.length === 0) return undefined;
  const compiled = regexes.map(compileRegex);
  return (event) => {
    const value = read(event);
    return value !== undefined && compiled.some((regex) => regex.test(value));
  };
}

/** Empty for a process in no pod. */
function namespaceOf(process: JsonEvent | undefined): string | undefined {
  return process && (process['pod']?.namespace ?? '');
}

/** The name of the member that holds the event. */
function kindOf(event: JsonEvent): string | undefined {
  return Object.keys(event).find(
    (name) => name.startsWith('process_') || name === 'rate_limit_info' || name === 'test',
  );
}

function contentOf(event: JsonEvent): JsonEvent | undefined {
  const kind = kindOf(event);
  return kind === undefined ? undefined : event[kind];
}

function processOf(event: JsonEvent): JsonEvent | undefined {
  return contentOf(event)?.['process'];
}

function cutFields(event: JsonEvent, { includeFields, excludeFields }: EventSelection): JsonEvent {
  const kind = kindOf(event);
  if (kind === undefined || (includeFields.length === 0 && excludeFields.length === 0)) return event;
  const content = event[kind];
  const included = includeFields.length === 0 ? content : pick(content, treeOf(includeFields), false);
  const cut = excludeFields.length === 0 ? included : pick(included, treeOf(excludeFields), true);
  return { ...event, [kind]: cut };
}

type PathTree = Map<string, PathTree | 'whole'>;

function treeOf(paths: readonly string[]): PathTree {
  const root: PathTree = new Map();
  for (const path of paths) addPath(root, path.split('.').map(snakeCase));
  return root;
}

function addPath(tree: PathTree, [name = '', ...rest]: readonly string[]): void {
  const below = tree.get(name);
  if (below === 'whole') return;
  if (rest.length === 0) {
    tree.set(name, 'whole');
    return;
  }
  const branch: PathTree = below ?? new Map();
  tree.set(name, branch);
  addPath(branch, rest);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Keeps what the tree names or, with `exclude`, everything else. */
function pick(value: unknown, tree: PathTree, exclude: boolean): unknown {
  if (Array.isArray(value)) return value.map((element) => pick(element, tree, exclude));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    const branch = tree.get(name);
    if (branch !== undefined && branch !== 'whole') return [[name, pick(member, branch, exclude)]];
    return (branch === 'whole') === exclude ? [] : [[name, member]];
  });
  return Object.fromEntries(entries);
}
