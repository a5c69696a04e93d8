import { nearest } from '../policy/suggest.ts';
import { eventTypes } from './event-types.ts';
import { type FieldTree, fieldTree } from './field-tree.ts';
import { FilterError } from './filter-error.ts';
import { boolean, enumList, enumNumber, type FilterObject, knownFields } from './filter-json.ts';
import { type CutMode, JsonCutter, skipString } from './json-cutter.ts';
import { eventFields, eventMessages, type MessageFields } from './message-schema.ts';

/** A shortened copy of `line[start .. end]`, which is one event as a line of JSON; valid until the next call. */
export type LineCutter = (line: Buffer, start: number, end: number) => Buffer;

/**
 * Compiles Tetragon's `FieldFilter` messages into one function over encoded lines. Filters apply one after another, each
 * to the events of its `event_set`; what stands beside the event (`node_name`, `time`) always stays. Undefined when
 * there are none. Throws a FilterError, also for a field that no event of the set has.
 */
export function compileFieldFilters(filters: readonly FilterObject[]): LineCutter | undefined {
  const compiled = filters.map(compileFilter).filter(({ tree }) => tree.children.length > 0);
  if (compiled.length === 0) return undefined;
  const plans = new Map<string, readonly FieldCut[]>();
  for (const { field } of eventFields())
    plans.set(
      field,
      compiled.filter(({ applies }) => applies.has(field)),
    );
  const cutters = [new JsonCutter(), new JsonCutter()] as const;
  return (line, start, end) => {
    const keyEnd = skipString(line, start + 1);
    const plan = plans.get(line.toString('latin1', start + 2, keyEnd - 1)) ?? [];
    let bytes = line.subarray(start, end);
    for (const [index, cut] of plan.entries()) bytes = cutEvent(cutters[index % 2 === 0 ? 0 : 1], bytes, cut);
    return bytes;
  };
}

/** The event is the value of the first member; everything around it is copied. */
function cutEvent(cutter: JsonCutter, bytes: Buffer, { tree, mode }: FieldCut): Buffer {
  const { writer } = cutter;
  const event = skipString(bytes, 1) + 1;
  writer.reset();
  writer.rawRange(bytes, 0, event);
  const end = cutter.object(bytes, event, tree, mode);
  writer.rawRange(bytes, end, bytes.length);
  return writer.buffer.subarray(0, writer.length);
}

interface FieldCut {
  readonly tree: FieldTree;
  readonly mode: CutMode;
  /** Events by the name of their field, `process_exec`. */
  readonly applies: ReadonlySet<string>;
}

function compileFilter(filter: FilterObject): FieldCut {
  const { where } = filter;
  const values = knownFields(filter, filterFields);
  const applies = eventsOf(where, values.event_set, values.invert_event_set);
  const action = values.action === undefined ? 0 : enumNumber(values.action, actions);
  if (action === undefined)
    throw new FilterError(`${where}: field "action" needs INCLUDE or EXCLUDE, found ${JSON.stringify(values.action)}`);
  const paths = pathsOf(where, values.fields).map((path) => checkPath(where, path, applies));
  return { tree: fieldTree(paths), mode: action === 0 ? 'include' : 'exclude', applies };
}

function eventsOf(where: string, set: unknown, invert: unknown): ReadonlySet<string> {
  const isInverted = invert !== undefined && boolean(where, 'invert_event_set', invert);
  const all = eventFields().map(({ field }) => field);
  if (set === undefined) return new Set(all);
  const numbers = new Set(enumList(where, 'event_set', set, eventTypes));
  const named = new Set(
    Object.entries(eventTypes)
      .filter(([, number]) => numbers.has(number))
      .map(([name]) => name.toLowerCase()),
  );
  return new Set(all.filter((field) => named.has(field) !== isInverted));
}

/** A field mask is a string with commas in JSON, and a message with paths in a request. */
function pathsOf(where: string, fields: unknown): string[] {
  if (fields === undefined) return [];
  const paths = typeof fields === 'object' && fields !== null && 'paths' in fields ? fields.paths : fields;
  if (typeof paths === 'string')
    return paths
      .split(',')
      .map((path) => path.trim())
      .filter((path) => path !== '');
  if (Array.isArray(paths) && paths.every((path) => typeof path === 'string')) return paths;
  throw new FilterError(`${where}: field "fields" needs a string of names with commas between them`);
}

/** The parts of a path as the API spells them; `startTime` is `start_time`. */
function checkPath(where: string, path: string, applies: ReadonlySet<string>): string[] {
  const candidates = eventFields()
    .filter(({ field }) => applies.has(field))
    .map(({ message }) => message);
  let complaint: string | undefined;
  for (const message of candidates) {
    const result = resolvePath(path.split('.'), message);
    if (typeof result !== 'string') return result;
    complaint ??= result;
  }
  throw new FilterError(`${where}: field "fields": no event has ${JSON.stringify(path)}${complaint ?? ''}`);
}

/** The parts, or how the sentence about them ends. */
function resolvePath(parts: readonly string[], message: string): string[] | string {
  const resolved: string[] = [];
  let fields: MessageFields | undefined = eventMessages().get(message);
  for (const part of parts) {
    if (fields === undefined) return `: ${JSON.stringify(resolved.join('.'))} has no fields`;
    const name = [...fields.keys()].find((candidate) => foldedName(candidate) === foldedName(part));
    if (name === undefined) {
      const best = nearest(part, fields.keys());
      return best === undefined ? '' : `. Did you mean ${JSON.stringify([...resolved, best].join('.'))}?`;
    }
    resolved.push(name);
    const { type, kind } = fields.get(name)!;
    fields = kind === 'map' ? undefined : eventMessages().get(type);
  }
  return resolved;
}

function foldedName(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

const filterFields = ['event_set', 'fields', 'action', 'invert_event_set'] as const;
const actions = { INCLUDE: 0, EXCLUDE: 1 } as const;
