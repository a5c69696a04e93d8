import { type OcsfClass, ocsfClasses } from './activities.ts';
import { type EventFacts, eventFacts } from './event-facts.ts';
import { fieldTable, mapFields } from './field-table.ts';
import { addMember, isEmpty, type JsonBuilder, type JsonObject, objectAt } from './json.ts';
import { OCSF_VERSION, ocsfEventFields, ocsfLineFields, ocsfPolicyFields } from './ocsf-fields.ts';
import { attackObject } from './ocsf-objects.ts';
import { ocsfProcesses, type Processes, processKeys } from './ocsf-processes.ts';
import { classFor, setSubject } from './ocsf-subject.ts';
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

const lineTable = fieldTable(ocsfLineFields);
const eventTables = new Map(Object.entries(ocsfEventFields).map(([type, fields]) => [type, fieldTable(fields)]));
const policyTable = fieldTable(ocsfPolicyFields);

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

function setOutcome(event: JsonBuilder, { verdict, severity, techniques, outcome, note }: EventFacts): void {
  event['severity_id'] = severities[severity].ocsf;
  event['severity'] = severities[severity].caption;
  if (outcome !== undefined) {
    event['status_id'] = outcome === 'success' ? 1 : 2;
    event['status'] = outcome === 'success' ? 'Success' : 'Failure';
  }
  if (verdict !== undefined) Object.assign(event, verdicts[verdict].ocsf);
  if (techniques.length > 0) event['attacks'] = techniques.map(attackObject);
  if (note !== undefined) event['message'] = note;
}

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
