/**
 * The fields of ECS 9.4.0 that we make, and their types (https://www.elastic.co/docs/reference/ecs/ecs-field-reference).
 * Fields with brackets are lists. Tests hold what comes out against it, so a field that is not here is a mistake.
 */
export type EcsType = 'keyword' | 'text' | 'long' | 'date' | 'ip' | 'boolean' | 'keyword[]' | 'ip[]';

const processFields: Readonly<Record<string, EcsType>> = {
  args: 'keyword[]',
  command_line: 'keyword',
  end: 'date',
  entity_id: 'keyword',
  executable: 'keyword',
  exit_code: 'long',
  name: 'keyword',
  pid: 'long',
  'real_group.id': 'keyword',
  'real_user.id': 'keyword',
  'saved_group.id': 'keyword',
  'saved_user.id': 'keyword',
  start: 'date',
  'thread.capabilities.effective': 'keyword[]',
  'thread.capabilities.permitted': 'keyword[]',
  'thread.id': 'long',
  'user.id': 'keyword',
  'user.name': 'keyword',
  vpid: 'long',
  working_directory: 'keyword',
};

function below(prefix: string, fields: Readonly<Record<string, EcsType>>): Record<string, EcsType> {
  return Object.fromEntries(Object.entries(fields).map(([name, type]) => [`${prefix}.${name}`, type]));
}

export const ecsTypes: Readonly<Record<string, EcsType>> = {
  '@timestamp': 'date',
  'container.id': 'keyword',
  'container.image.name': 'keyword',
  'container.name': 'keyword',
  'container.security_context.privileged': 'boolean',
  ...below('destination', { address: 'keyword', ip: 'ip', port: 'long' }),
  'dll.name': 'keyword',
  'dll.path': 'keyword',
  'ecs.version': 'keyword',
  'error.message': 'text',
  'event.action': 'keyword',
  'event.category': 'keyword[]',
  'event.code': 'keyword',
  'event.dataset': 'keyword',
  'event.kind': 'keyword',
  'event.module': 'keyword',
  'event.original': 'keyword',
  'event.outcome': 'keyword',
  'event.provider': 'keyword',
  'event.sequence': 'long',
  'event.severity': 'long',
  'event.type': 'keyword[]',
  'file.directory': 'keyword',
  'file.mode': 'keyword',
  'file.name': 'keyword',
  'file.path': 'keyword',
  'file.type': 'keyword',
  'host.hostname': 'keyword',
  'host.name': 'keyword',
  'host.os.type': 'keyword',
  message: 'text',
  'network.direction': 'keyword',
  'network.iana_number': 'keyword',
  'network.transport': 'keyword',
  'network.type': 'keyword',
  'orchestrator.cluster.name': 'keyword',
  'orchestrator.namespace': 'keyword',
  'orchestrator.resource.name': 'keyword',
  'orchestrator.resource.type': 'keyword',
  ...below('process', processFields),
  'process.env_vars': 'keyword[]',
  ...below('process.parent', processFields),
  'related.ip': 'ip[]',
  'rule.name': 'keyword',
  ...below('source', { address: 'keyword', ip: 'ip', port: 'long' }),
  tags: 'keyword[]',
  'threat.framework': 'keyword',
  'threat.technique.id': 'keyword[]',
  'threat.technique.subtechnique.id': 'keyword[]',
  'user.id': 'keyword',
  'user.name': 'keyword',
};

/** The types that each category may have (ECS categorization fields). */
export const ecsCategories: Readonly<Record<string, string>> = {
  driver: 'change end info start',
  file: 'access change creation deletion info',
  host: 'access change end info start',
  intrusion_detection: 'allowed denied info',
  library: 'start',
  network: 'access allowed connection denied end info protocol start',
  process: 'access change end info start',
};
