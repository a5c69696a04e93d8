import type { OcsfClass } from './activities.ts';
import type { EventFacts } from './event-facts.ts';
import { type JsonBuilder, type JsonObject, objectAt, present, textAt } from './json.ts';
import { endpointObject, fileObject, kernelObject, regularFile } from './ocsf-objects.ts';
import type { Processes } from './ocsf-processes.ts';

/** The class of the activity, or one that does without what the event does not have. */
export function classFor(
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

/** Sets the object that the class is about. */
export function setSubject(event: JsonBuilder, ocsfClass: OcsfClass, facts: EventFacts, { process }: Processes): void {
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
  if (file !== undefined) module['file'] = { ...file, ...regularFile };
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
