import type { CallEndpoint, CallFile } from './call-subjects.ts';
import { ECS_VERSION, ecsEventFields, ecsLineFields, ecsParentFields, ecsProcessFields } from './ecs-fields.ts';
import { type EventFacts, eventFacts } from './event-facts.ts';
import { fieldTable, mapFields } from './field-table.ts';
import { addMember, isEmpty, isObject, type JsonBuilder, type JsonObject, objectAt, setValue } from './json.ts';
import { severities, verdicts } from './verdict.ts';

/**
 * An event in the Elastic Common Schema. What has no field there is below `tetragon`, in Tetragon's structure without
 * the name of the event.
 */
export function ecsEvent(line: JsonObject): JsonObject {
  const facts = eventFacts(line);
  const event: JsonBuilder = {};
  const rest: JsonBuilder = {};
  mapLine(line, facts, event, rest);
  mapBody(facts, event, rest);
  setCategories(event, facts);
  setSubject(event, facts);
  if (!isEmpty(rest)) event['tetragon'] = rest;
  return event;
}

/** What an output sends for a line that is no event: nothing is dropped because of its form. */
export function ecsUnreadable(text: string, reason: string): JsonObject {
  return {
    '@timestamp': new Date().toISOString(),
    ecs: { version: ECS_VERSION },
    event: { kind: 'pipeline_error', module: 'jatai', provider: 'jatai', dataset: 'jatai.events', original: text },
    error: { message: `not an event in JSON: ${reason}` },
  };
}

const processTable = fieldTable(ecsProcessFields);
const parentTable = fieldTable(ecsParentFields);
const lineTable = fieldTable(ecsLineFields);
const eventTables = new Map(Object.entries(ecsEventFields).map(([type, fields]) => [type, fieldTable(fields)]));
const noFields = fieldTable([]);
const processTables = { process: processTable, parent: parentTable } as const;

/** What is in the line besides the event. */
function mapLine(line: JsonObject, { type }: EventFacts, event: JsonBuilder, rest: JsonBuilder): void {
  const left = mapFields(lineTable, line, event);
  if (event['@timestamp'] === undefined) event['@timestamp'] = new Date().toISOString();
  event['ecs'] = { version: ECS_VERSION };
  setValue(event, ['host', 'os', 'type'], 'linux');
  for (const key in left) if (key !== type) addMember(rest, key, left[key]);
}

function mapBody({ type, body }: EventFacts, event: JsonBuilder, rest: JsonBuilder): void {
  const left = mapFields((type === undefined ? undefined : eventTables.get(type)) ?? noFields, body, event);
  for (const [key, value] of Object.entries(left ?? {})) {
    if ((key === 'process' || key === 'parent') && isObject(value)) {
      const leftOfProcess = mapFields(processTables[key], value, event);
      if (leftOfProcess !== undefined) addMember(rest, key, leftOfProcess);
    } else addMember(rest, key, value);
  }
}

function setCategories(event: JsonBuilder, facts: EventFacts): void {
  const { type, activity, action, verdict, severity, outcome } = facts;
  const row = verdict === undefined ? undefined : verdicts[verdict].ecs;
  const members = (objectAt(event, 'event') ?? {}) as JsonBuilder;
  Object.assign(members, {
    kind: row?.kind ?? 'event',
    ...(activity.category !== undefined && { category: words(activity.category, row?.category) }),
    type: words(activity.type, row?.type),
    action,
    ...(outcome !== undefined && { outcome }),
    severity: severities[severity].ecs,
    ...(type !== undefined && { code: type }),
    module: 'jatai',
    provider: 'jatai',
    dataset: 'jatai.events',
  });
  event['event'] = members;
}

function words(...list: (string | undefined)[]): string[] {
  return list.filter((word) => word !== undefined);
}

function setSubject(event: JsonBuilder, facts: EventFacts): void {
  const { type, body, file, connection, techniques, note } = facts;
  if (note !== undefined) event['message'] = note;
  if (type === 'process_exit' && body['status'] === undefined && body['signal'] === undefined)
    setValue(event, ['process', 'exit_code'], 0);
  if (objectAt(event, 'orchestrator')?.['resource'] !== undefined)
    setValue(event, ['orchestrator', 'resource', 'type'], 'pod');
  if (file !== undefined) event['file'] = fileObject(file);
  if (connection !== undefined) setConnection(event, facts);
  if (techniques.length > 0) event['threat'] = threatObject(techniques);
}

function fileObject({ path, name, permission }: CallFile): JsonObject {
  const directory = path.slice(0, path.lastIndexOf('/'));
  const type = permission?.length === PERMISSION_LENGTH ? (fileTypes[permission[0]!] ?? permission[0]!) : undefined;
  const mode = octalMode(permission);
  return {
    path,
    name,
    ...(directory !== '' && { directory }),
    ...(type !== undefined && { type }),
    ...(mode !== undefined && { mode }),
  };
}

const fileTypes: Readonly<Record<string, string>> = {
  '-': 'file',
  d: 'dir',
  l: 'symlink',
  c: 'char_device',
  b: 'block_device',
  s: 'socket',
  p: 'fifo',
};

const PERMISSION_LENGTH = '-rw-r--r--'.length;

/** `0640` for `-rw-r-----`. */
function octalMode(permission: string | undefined): string | undefined {
  if (permission === undefined || !/^.[-r][-w][-xsS][-r][-w][-xsS][-r][-w][-xtT]$/.test(permission)) return undefined;
  const digits = [1, 4, 7].map((start) => {
    const [read, write, execute] = permission.slice(start, start + 3);
    return (read === 'r' ? 4 : 0) + (write === 'w' ? 2 : 0) + (/[xst]/.test(execute!) ? 1 : 0);
  });
  const special = [3, 6, 9].reduce((sum, index, bit) => sum + (/[sStT]/.test(permission[index]!) ? 4 >> bit : 0), 0);
  return [special, ...digits].join('');
}

function setConnection(event: JsonBuilder, { activity, connection }: EventFacts): void {
  const { local, remote, transport, protocol, ipVersion } = connection!;
  const inbound = activity.direction === 'inbound';
  const source = inbound ? remote : local;
  const destination = inbound ? local : remote;
  if (source !== undefined) event['source'] = endpointObject(source);
  if (destination !== undefined) event['destination'] = endpointObject(destination);
  event['network'] = {
    ...(activity.direction !== undefined && { direction: inbound ? 'ingress' : 'egress' }),
    ...(transport !== undefined && { transport, iana_number: String(protocol) }),
    ...(ipVersion !== undefined && { type: `ipv${ipVersion}` }),
  };
  const ips = [source?.ip, destination?.ip].filter((ip) => ip !== undefined && /[^0.:]/.test(ip));
  const addresses = [...new Set(ips)] as string[];
  if (addresses.length > 0) event['related'] = { ip: addresses };
}

function endpointObject({ ip, port, path }: CallEndpoint): JsonObject {
  const address = ip ?? path;
  return {
    ...(address !== undefined && { address }),
    ...(ip !== undefined && { ip }),
    ...(port !== undefined && { port }),
  };
}

function threatObject(techniques: readonly string[]): JsonObject {
  const ids = [...new Set(techniques.map((id) => id.split('.')[0]!))];
  const subtechniques = techniques.filter((id) => id.includes('.'));
  return {
    framework: 'MITRE ATT&CK',
    technique: { id: ids, ...(subtechniques.length > 0 && { subtechnique: { id: subtechniques } }) },
  };
}
