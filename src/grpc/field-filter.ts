import type protobuf from 'protobufjs';
import type { MessageTransform } from './event-hub.ts';
import type { FieldFilterMessage } from './messages.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { StatusError } from './status.ts';
import { cutFields, type FieldTree, readField } from './wire-fields.ts';

/**
 * Compiles field filters, whose paths start below the event (`process.binary`), to cuts through encoded messages, one
 * after another as those of other outputs; node name and time always stay. Undefined without filters. Throws
 * INVALID_ARGUMENT for a path that no event has, and for a value that an enum does not have.
 */
export function compileFieldFilters(
  filters: readonly FieldFilterMessage[],
  responseType: protobuf.Type,
): MessageTransform | undefined {
  if (filters.length === 0) return undefined;
  const members = responseType.oneofs['event']!.fieldsArray;
  for (const filter of filters) {
    for (const value of [filter.action, ...(filter.event_set ?? [])]) checkEnumValue(value);
    for (const path of pathsOf(filter)) checkPath(path, members);
  }
  const cuts = new Map<number, readonly EventCut[]>();
  for (const member of members) cuts.set(member.id, eventCuts(filters, member));
  return (_event, bytes, length) => cutResponse(bytes, length, cuts);
}

interface EventCut {
  readonly tree: FieldTree;
  readonly exclude: boolean;
}

function eventCuts(filters: readonly FieldFilterMessage[], member: protobuf.Field): EventCut[] {
  return filters
    .filter((filter) => appliesTo(filter, member) && pathsOf(filter).length > 0)
    .map((filter) => ({
      tree: treeOf(pathsOf(filter), member.resolvedType as protobuf.Type),
      exclude: filter.action === 'EXCLUDE',
    }));
}

function appliesTo({ event_set: events = [], invert_event_set: invert }: FieldFilterMessage, member: protobuf.Field) {
  if (events.length === 0) return true;
  return events.includes(member.name.toUpperCase()) !== (invert?.value ?? false);
}

function pathsOf(filter: FieldFilterMessage): string[] {
  return filter.fields?.paths ?? [];
}

function checkEnumValue(value: string | number | undefined): void {
  if (typeof value !== 'number') return;
  throw new StatusError('INVALID_ARGUMENT', `field_filters: ${value} is no action, or no type of event`);
}

function checkPath(path: string, members: readonly protobuf.Field[]): void {
  if (members.some((member) => resolvePath(path, member.resolvedType as protobuf.Type) !== undefined)) return;
  throw new StatusError('INVALID_ARGUMENT', `field_filters: no event has a field "${path}"`);
}

function treeOf(paths: readonly string[], type: protobuf.Type): FieldTree {
  const tree: FieldTree = new Map();
  for (const path of paths) {
    const numbers = resolvePath(path, type);
    if (numbers !== undefined) addPath(tree, numbers);
  }
  return tree;
}

function addPath(tree: FieldTree, [number, ...rest]: readonly number[]): void {
  const below = tree.get(number!);
  if (below === 'whole') return;
  if (rest.length === 0) {
    tree.set(number!, 'whole');
    return;
  }
  const branch: FieldTree = below ?? new Map();
  tree.set(number!, branch);
  addPath(branch, rest);
}

/** The field numbers of a path; undefined when the type does not have it. Takes `start_time` and `startTime`. */
function resolvePath(path: string, type: protobuf.Type): number[] | undefined {
  const numbers: number[] = [];
  let current: protobuf.Type | protobuf.Enum | null = type;
  for (const part of path.split('.')) {
    const name = part.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const fields: Record<string, protobuf.Field> = current !== null && 'fields' in current ? current.fields : {};
    const field: protobuf.Field | undefined = fields[part] ?? fields[name];
    if (field === undefined) return undefined;
    numbers.push(field.id);
    current = field.resolvedType;
  }
  return numbers;
}

/** The response with its event, one of the members, cut; all else is copied. */
function cutResponse(bytes: Buffer, length: number, cuts: ReadonlyMap<number, readonly EventCut[]>): Buffer {
  const event = readField(bytes, 0);
  const applied = cuts.get(event.number) ?? [];
  if (applied.length === 0) return bytes.subarray(0, length);
  let content = bytes.subarray(event.start, event.end);
  for (const { tree, exclude } of applied) content = cutFields(content, tree, exclude);
  const writer = new ProtobufWriter(content.length + 256);
  const start = writer.open(event.number);
  writer.raw(content);
  writer.close(start);
  writer.raw(bytes.subarray(event.end, length));
  return writer.take();
}
