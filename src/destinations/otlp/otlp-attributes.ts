import type { Attributes, AttributeValue } from '@opentelemetry/api';
import type { Message } from '../destination.ts';

/**
 * Attributes of an event by OpenTelemetry's semantic conventions: `process.*`, `container.*`, `k8s.*` and `security_rule.*`;
 * what these have no name for is below `tetragon.`. `event` is the parsed body; of another schema than Tetragon's only the
 * attributes that the message itself knows are left.
 */
export function eventAttributes({ eventType, execId }: Message, event: Readonly<Record<string, unknown>>): Attributes {
  const details = mapIn(event, eventType);
  const found: [name: string, value: unknown][] = [
    ['tetragon.exec_id', execId === '' ? undefined : execId],
    ...processAttributes(mapIn(details, 'process')),
    ['process.parent_pid', mapIn(details, 'parent')['pid']],
    ...podAttributes(mapIn(mapIn(details, 'process'), 'pod')),
    ['process.exit.code', exitCode(eventType, details)],
    ['tetragon.signal', details['signal']],
    ['security_rule.name', details['policy_name']],
    ['security_rule.description', details['message']],
    ['tetragon.function_name', details['function_name']],
    ['tetragon.action', details['action']],
  ];
  return Object.fromEntries(found.filter((pair): pair is [string, AttributeValue] => isAttribute(pair[1])));
}

function processAttributes(process: Properties): [string, unknown][] {
  const { binary, arguments: text, arguments_list: list } = process;
  const credentials = mapIn(process, 'process_credentials');
  return [
    ['process.pid', process['pid']],
    ['process.creation.time', process['start_time']],
    ['process.executable.path', binary],
    ['process.executable.name', typeof binary === 'string' ? binary.slice(binary.lastIndexOf('/') + 1) : undefined],
    /* One text only where the list is not there: it was put together from a list, with quotes. */
    ...(Array.isArray(list)
      ? [['process.command_args', [binary, ...list]] as [string, unknown]]
      : [['process.command_line', text === undefined ? binary : `${binary} ${text}`] as [string, unknown]]),
    ['process.working_directory', process['cwd']],
    ['process.real_user.id', process['uid']],
    ['process.user.id', credentials['euid']],
    ['process.owner', mapIn(process, 'user')['name']],
    ['container.id', process['docker']],
    ['tetragon.parent_exec_id', process['parent_exec_id']],
  ];
}

function podAttributes(pod: Properties): [string, unknown][] {
  const container = mapIn(pod, 'container');
  return [
    ['k8s.namespace.name', pod['namespace']],
    ['k8s.pod.name', pod['name']],
    ['k8s.pod.uid', pod['uid']],
    ['k8s.container.name', container['name']],
    ['container.image.name', mapIn(container, 'image')['name']],
  ];
}

/** JSON has no status when it is 0; a process that a signal ended has none. */
function exitCode(eventType: string, { status, signal }: Properties): unknown {
  return eventType === 'process_exit' && signal === undefined ? (status ?? 0) : undefined;
}

type Properties = Readonly<Record<string, unknown>>;

function mapIn(map: Properties, name: string): Properties {
  const value = map[name];
  return typeof value === 'object' && value !== null ? (value as Properties) : {};
}

function isAttribute(value: unknown): value is AttributeValue {
  return Array.isArray(value) || ['string', 'number', 'boolean'].includes(typeof value);
}
