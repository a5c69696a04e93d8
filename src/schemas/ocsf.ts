import { type OcsfClass, ocsfClasses } from './activities.ts';
import type { CallEndpoint, CallFile } from './call-subjects.ts';
import { type EventFacts, eventFacts } from './event-facts.ts';
import { fieldTable, mapFields } from './field-table.ts';
import {
  addMember,
  isArray,
  isEmpty,
  isObject,
  type Json,
  type JsonBuilder,
  type JsonObject,
  objectAt,
  objectsAt,
  present,
  textAt,
} from './json.ts';
import {
  OCSF_VERSION,
  ocsfAncestorFields,
  ocsfEventFields,
  ocsfLineFields,
  ocsfPolicyFields,
  ocsfProcessFields,
} from './ocsf-fields.ts';
import { severities, verdicts } from './verdict.ts';

/**
 * An event in the Open Cybersecurity Schema Framework: an activity, with the `security_control` profile for what a policy
 * did. What has no place in the schema is in `unmapped`, in Tetragon's structure without the name of the event.
 */
export function ocsfEvent(line: JsonObject): JsonObject {
  const facts = eventFacts(line);
  const event: JsonBuilder = {};
  const unmapped: JsonBuilder = {};
  const processes = ocsfProcesses(facts.body, unmapped);
  const ocsfClass = classFor(facts, processes);
  setMetadata(event, facts, processes);
  mapLine(line, facts, event, unmapped);
  mapBody(facts, ocsfClass, event, unmapped);
  setSubject(event, ocsfClass, facts, processes);
  setActor(event, facts, processes);
  setClass(event, ocsfClass, facts);
  setOutcome(event, facts);
  if (!isEmpty(unmapped)) event['unmapped'] = unmapped;
  return event;
}

/** What an output sends for a line that is no event: nothing is dropped because of its form. */
export function ocsfUnreadable(text: string, reason: string): JsonObject {
  const { uid, name, category, categoryName } = ocsfClasses.base;
  return {
    metadata: metadataOf([]),
    time: Date.now(),
    category_uid: category,
    category_name: categoryName,
    class_uid: uid,
    class_name: name,
    activity_id: 0,
    activity_name: 'Unknown',
    type_uid: 0,
    type_name: `${name}: Unknown`,
    severity_id: 0,
    severity: 'Unknown',
    message: `not an event in JSON: ${reason}`,
    raw_data: text,
  };
}

const processTable = fieldTable(ocsfProcessFields);
const ancestorTable = fieldTable(ocsfAncestorFields);
const lineTable = fieldTable(ocsfLineFields);
const eventTables = new Map(Object.entries(ocsfEventFields).map(([type, fields]) => [type, fieldTable(fields)]));
const policyTable = fieldTable(ocsfPolicyFields);

interface Processes {
  /** OCSF's process objects; undefined when neither pid nor exec_id is known. */
  readonly process: JsonBuilder | undefined;
  readonly parent: JsonBuilder | undefined;
}

function ocsfProcesses(body: JsonObject, unmapped: JsonBuilder): Processes {
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
  if (path !== undefined) process['file'] = fileObject({ path, name: String(process['name']) }, REGULAR_FILE);
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

/** What is in the line besides the event. */
function mapLine(line: JsonObject, { type }: EventFacts, event: JsonBuilder, unmapped: JsonBuilder): void {
  const rest = mapFields(lineTable, line, event);
  for (const key in rest) if (key !== type) addMember(unmapped, key, rest[key]);
  if (event['time'] === undefined) event['time'] = Date.now();
  const device = (event['device'] ?? {}) as JsonBuilder;
  if (device['hostname'] === undefined) device['name'] = 'unknown';
  device['type_id'] = 0;
  device['type'] = 'Unknown';
  device['os'] = { name: 'Linux', type_id: 200, type: 'Linux' };
  event['device'] = device;
}

function mapBody({ type, body }: EventFacts, ocsfClass: OcsfClass, event: JsonBuilder, unmapped: JsonBuilder): void {
  const table = ocsfClass === 'base' ? undefined : eventTables.get(type ?? '');
  const rest = mapFields(table ?? policyTable, body, event);
  for (const key in rest) if (!processKeys.has(key)) addMember(unmapped, key, rest[key]);
}

const processKeys = new Set(['process', 'parent', 'ancestors']);

/** The class of the activity, or one that does without what the event does not have. */
function classFor(
  { activity, file, connection, kernelModule, call, body }: EventFacts,
  { process }: Processes,
): OcsfClass {
  const wanted: OcsfClass = activity.class;
  if (wanted === 'base' || wanted === 'log') return wanted;
  if (process === undefined) return 'base';
  const missing =
    (wanted === 'file' && file === undefined) ||
    (wanted === 'network' && connection === undefined) ||
    (wanted === 'extension' && file === undefined && kernelModule === undefined) ||
    (wanted === 'module' && textAt(body, 'path') === undefined && call === undefined);
  return missing ? 'kernel' : wanted;
}

/** The object that the class is about. */
function setSubject(event: JsonBuilder, ocsfClass: OcsfClass, facts: EventFacts, { process }: Processes): void {
  switch (ocsfClass) {
    case 'process':
      event['process'] = { ...processSubject(facts, process!), ...objectAt(event, 'process') };
      setProcessDetails(event, facts);
      break;
    case 'file':
      event['file'] = fileObject(facts.file!);
      if (facts.fileAfter !== undefined) event['file_result'] = fileObject(facts.fileAfter);
      break;
    case 'extension':
      event['driver'] = { file: fileObject(facts.file ?? { path: '', name: facts.kernelModule! }) };
      break;
    case 'module':
      setModule(event, facts);
      break;
    case 'network':
      setConnection(event, facts);
      break;
    case 'kernel':
      event['kernel'] = kernelObject(facts);
      break;
    case 'log':
      event['log_name'] = 'jatai';
      event['log_provider'] = 'jatai';
      break;
    case 'base':
      break;
    default:
      ocsfClass satisfies never;
  }
}

/** A hook on an exec runs before the process is what it will be: of that only the file is known. */
function processSubject({ type, file, activity }: EventFacts, process: JsonBuilder): JsonObject {
  if (type === 'process_exec' || activity.id !== 1 || file === undefined) return process;
  const { pid, uid, user, tid } = process;
  return { ...present({ pid, uid, user, tid }), name: file.name, path: file.path, file: fileObject(file) };
}

function setProcessDetails(event: JsonBuilder, { type, body }: EventFacts): void {
  if (type === 'process_exit' && body['status'] === undefined && body['signal'] === undefined) event['exit_code'] = 0;
  if (type !== 'process_exec') return;
  const flags = textAt(objectAt(body, 'process'), 'flags')?.split(' ') ?? [];
  if (flags.includes('procFS')) return;
  const cloned = flags.includes('clone');
  event['launch_type_id'] = cloned ? 1 : 3;
  event['launch_type'] = cloned ? 'Spawn' : 'Exec';
}

/** The path of a module is in the table of the event. */
function setModule(event: JsonBuilder, { type, activity, call }: EventFacts): void {
  const module = (event['module'] ?? {}) as JsonBuilder;
  const file = objectAt(module, 'file');
  if (file !== undefined) module['file'] = { ...file, type_id: REGULAR_FILE, type: 'Regular File' };
  if (type === 'process_usdt' && call !== undefined) module['function_name'] = call.name;
  if (activity.class === 'module' && activity.id === 1) {
    module['load_type_id'] = 1;
    module['load_type'] = 'Standard';
  } else if (module['function_name'] === undefined) module['load_type_id'] = 0;
  event['module'] = module;
}

function setConnection(event: JsonBuilder, { activity, connection }: EventFacts): void {
  const { local, remote, transport, protocol, ipVersion, cookie } = connection!;
  const inbound = activity.direction === 'inbound';
  const source = inbound ? remote : local;
  const destination = inbound ? local : remote;
  if (source !== undefined) event['src_endpoint'] = endpointObject(source);
  if (destination !== undefined) event['dst_endpoint'] = endpointObject(destination);
  event['is_src_dst_assignment_known'] = activity.direction !== undefined;
  event['connection_info'] = present({
    direction_id: inbound ? 1 : activity.direction === 'outbound' ? 2 : 0,
    direction: inbound ? 'Inbound' : activity.direction === 'outbound' ? 'Outbound' : 'Unknown',
    protocol_name: transport,
    protocol_num: protocol,
    protocol_ver_id: ipVersion,
    uid: cookie,
  });
}

function endpointObject({ ip, port, path }: CallEndpoint): JsonObject {
  return present({ ip, port, name: path });
}

function kernelObject({ call, resource, action, body }: EventFacts): JsonObject {
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

function fileObject({ path, name, permission }: CallFile, knownType?: number): JsonObject {
  const [type_id, type] = fileTypes[permission?.[0] ?? ''] ?? [0, 'Unknown'];
  const typed = knownType === REGULAR_FILE ? { type_id: REGULAR_FILE, type: 'Regular File' } : { type_id, type };
  return { name, ...(path !== '' && { path }), ...typed };
}

const REGULAR_FILE = 1;
const SYSTEM_CALL = 2;

/** By the first letter of what `ls` prints. */
const fileTypes: Readonly<Record<string, readonly [number, string]>> = {
  '-': [REGULAR_FILE, 'Regular File'],
  d: [2, 'Folder'],
  c: [3, 'Character Device'],
  b: [4, 'Block Device'],
  s: [5, 'Local Socket'],
  p: [6, 'Named Pipe'],
  l: [7, 'Symbolic Link'],
};

/** Who did it: the parent for a process that was started, else the process itself. */
function setActor(event: JsonBuilder, { type }: EventFacts, { process, parent }: Processes): void {
  if (process === undefined) return;
  const actor = type === 'process_exec' ? (parent ?? process) : process;
  const user = objectAt(actor, 'user');
  event['actor'] = { process: actor, ...(user && { user }) };
}

function setClass(event: JsonBuilder, ocsfClass: OcsfClass, { activity, action }: EventFacts): void {
  const { uid, name, category, categoryName } = ocsfClasses[ocsfClass];
  const fits = ocsfClass === activity.class;
  const activityId = fits ? activity.id : 99;
  const activityName = (fits ? activity.caption : undefined) ?? action;
  Object.assign(event, {
    category_uid: category,
    category_name: categoryName,
    class_uid: uid,
    class_name: name,
    activity_id: activityId,
    activity_name: activityName,
    type_uid: uid * 100 + activityId,
    type_name: `${name}: ${activityId === 99 ? 'Other' : activityName}`,
  });
}

function setOutcome(event: JsonBuilder, { verdict, severity, techniques, outcome, type, body }: EventFacts): void {
  event['severity_id'] = severities[severity].ocsf;
  event['severity'] = severities[severity].caption;
  if (outcome !== undefined) {
    event['status_id'] = outcome === 'success' ? 1 : 2;
    event['status'] = outcome === 'success' ? 'Success' : 'Failure';
  }
  if (verdict !== undefined) Object.assign(event, verdicts[verdict].ocsf);
  if (techniques.length > 0) event['attacks'] = techniques.map(attackObject);
  const note = type === undefined ? undefined : notes[type]?.(body);
  if (note !== undefined && event['message'] === undefined) event['message'] = note;
}

/** Events about the stream itself, in words. */
const notes: Readonly<Record<string, (body: JsonObject) => string>> = {
  process_throttle: ({ type, cgroup }) =>
    `${type === 'THROTTLE_STOP' ? 'events are reported again' : 'events are held back'} of cgroup ${word(cgroup)}`,
  rate_limit_info: ({ number_of_dropped_process_events: count }) => `${word(count)} events were dropped`,
};

function word(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown';
}

function attackObject(id: string): JsonObject {
  const technique = { uid: id.slice(0, TECHNIQUE_LENGTH) };
  return id.length === TECHNIQUE_LENGTH ? { technique } : { technique, sub_technique: { uid: id } };
}

const TECHNIQUE_LENGTH = 'T1059'.length;

function setMetadata(event: JsonBuilder, { type, verdict }: EventFacts, { process }: Processes): void {
  const profiles = ['host', 'datetime'];
  if (verdict !== undefined) profiles.push('security_control');
  if (process?.['container'] !== undefined) profiles.push('container');
  if (process?.['auid'] !== undefined || process?.['euid'] !== undefined) profiles.push('linux/linux_users');
  event['metadata'] = { ...metadataOf(profiles), ...(type !== undefined && { event_code: type }) };
}

function metadataOf(profiles: readonly string[]): JsonObject {
  return {
    version: OCSF_VERSION,
    product: { name: 'jatai', vendor_name: 'jatai' },
    log_name: 'jatai',
    ...(profiles.length > 0 && { profiles }),
  };
}
