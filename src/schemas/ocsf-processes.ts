import { fieldTable, mapFields } from './field-table.ts';
import { isArray, isEmpty, isObject, type Json, type JsonBuilder, type JsonObject, objectAt, textAt } from './json.ts';
import { ocsfAncestorFields, ocsfProcessFields } from './ocsf-fields.ts';
import { regularFile } from './ocsf-objects.ts';

/** OCSF's process objects of an event; undefined when neither pid nor exec_id is known. */
export interface Processes {
  /** With `parent_process` and `ancestry` inside. */
  readonly process: JsonBuilder | undefined;
  readonly parent: JsonBuilder | undefined;
}

/** The members of an event that this file takes care of. */
export const processKeys: ReadonlySet<string> = new Set(['process', 'parent', 'ancestors']);

const processTable = fieldTable(ocsfProcessFields);
const ancestorTable = fieldTable(ocsfAncestorFields);

/** What they do not have a place for goes to `unmapped`. */
export function ocsfProcesses(body: JsonObject, unmapped: JsonBuilder): Processes {
  const process = ocsfProcess(body, 'process', unmapped);
  if (process === undefined) {
    for (const key of processKeys) if (body[key] !== undefined) unmapped[key] = body[key];
    return { process, parent: undefined };
  }
  const parent = ocsfProcess(body, 'parent', unmapped);
  if (parent !== undefined) process['parent_process'] = parent;
  else if (body['parent'] !== undefined) unmapped['parent'] = body['parent'];
  addAncestry(process, body, unmapped);
  return { process, parent };
}

/** Undefined, with nothing set, when the event does not say which process it is. */
function ocsfProcess(body: JsonObject, key: 'process' | 'parent', unmapped: JsonBuilder): JsonBuilder | undefined {
  const source = objectAt(body, key);
  if (source === undefined) return undefined;
  const process: JsonBuilder = {};
  const rest = mapFields(processTable, source, process);
  if (process['pid'] === undefined && process['uid'] === undefined) return undefined;
  if (rest !== undefined) unmapped[key] = rest;
  const path = textAt(source, 'binary');
  if (path !== undefined) process['file'] = { name: process['name'], path, ...regularFile };
  return process;
}

/** OCSF wants the direct parent first, then upwards. */
function addAncestry(process: JsonBuilder, body: JsonObject, unmapped: JsonBuilder): void {
  const { parent, ancestors } = body;
  if (ancestors === undefined) return;
  const above = isArray(ancestors) ? ancestors.map(ancestor) : [];
  const known = above.filter((place) => place !== undefined);
  if (known.length === 0 || known.length < above.length) {
    unmapped['ancestors'] = ancestors;
    return;
  }
  const direct = ancestor(parent);
  process['ancestry'] = [...(direct === undefined ? [] : [direct]), ...known].map(({ entity }) => entity);
  const rests = known.map(({ rest }) => rest ?? {});
  if (!rests.every(isEmpty)) unmapped['ancestors'] = rests;
}

function ancestor(source: Json | undefined): { entity: JsonBuilder; rest: JsonBuilder | undefined } | undefined {
  if (!isObject(source)) return undefined;
  const entity: JsonBuilder = {};
  const rest = mapFields(ancestorTable, source, entity);
  return entity['pid'] === undefined && entity['uid'] === undefined ? undefined : { entity, rest };
}
