import type { CallEndpoint, CallFile } from './call-subjects.ts';
import type { EventFacts } from './event-facts.ts';
import { type JsonObject, objectAt, objectsAt, present } from './json.ts';

/** A `network_endpoint`. */
export function endpointObject({ ip, port, path }: CallEndpoint): JsonObject {
  return present({ ip, port, name: path });
}

/** A `kernel` resource: what is made, or what is called. */
export function kernelObject({ call, resource, action, body }: EventFacts): JsonObject {
  if (resource !== undefined) return { name: resource.name, type_id: 99, type: resource.type };
  if (call?.kind === 'syscall')
    return { name: call.name, system_call: call.name, type_id: SYSTEM_CALL, type: 'System Call' };
  const syscallId = objectsAt(body, 'args').map((argument) => objectAt(argument, 'syscall_id')?.['id'])[0];
  if (typeof syscallId === 'number')
    return { name: action, system_call: String(syscallId), type_id: SYSTEM_CALL, type: 'System Call' };
  return { name: action, type_id: 99, type: call === undefined ? 'Unknown' : kernelTypes[call.kind] };
}

const kernelTypes = {
  lsm: 'LSM Hook',
  function: 'Kernel Function',
  tracepoint: 'Tracepoint',
  user: 'User Function',
} as const;

/** A `file`; of unknown type when the event does not have its permissions. */
export function fileObject({ path, name, permission }: CallFile): JsonObject {
  const [type_id, type] = fileTypes[permission?.[0] ?? ''] ?? [0, 'Unknown'];
  return { name, ...(path !== '' && { path }), type_id, type };
}

/** What runs, or is mapped to run. */
export const regularFile = { type_id: 1, type: 'Regular File' } as const;

const SYSTEM_CALL = 2;

/** By the first letter of what `ls` prints. */
const fileTypes: Readonly<Record<string, readonly [number, string]>> = {
  '-': [regularFile.type_id, regularFile.type],
  d: [2, 'Folder'],
  c: [3, 'Character Device'],
  b: [4, 'Block Device'],
  s: [5, 'Local Socket'],
  p: [6, 'Named Pipe'],
  l: [7, 'Symbolic Link'],
};

/** An `attack` of a technique, `T1059`, or a part of one, `T1059.004`. */
export function attackObject(id: string): JsonObject {
  const technique = { uid: id.slice(0, TECHNIQUE_LENGTH) };
  return id.length === TECHNIQUE_LENGTH ? { technique } : { technique, sub_technique: { uid: id } };
}

const TECHNIQUE_LENGTH = 'T1059'.length;
