import { below, type Field } from './field-table.ts';

/** The version that the tables follow: https://www.elastic.co/docs/reference/ecs */
export const ECS_VERSION = '9.4.0';

const sharedProcessFields: readonly Field[] = [
  { from: 'pid', to: 'pid', as: 'number' },
  { from: 'exec_id', to: 'entity_id', as: 'text' },
  { from: 'binary', to: 'name', as: 'fileName' },
  { from: 'binary', to: 'executable', as: 'text' },
  { from: 'binary', to: 'command_line', as: 'binaryLine' },
  { from: 'arguments', to: 'command_line', as: 'commandLine' },
  { from: 'arguments', to: 'args', as: 'argumentWords' },
  { from: 'arguments_list', to: 'args', as: 'words' },
  { from: 'cwd', to: 'working_directory', as: 'text' },
  { from: 'start_time', to: 'start', as: 'time' },
  { from: 'tid', to: 'thread.id', as: 'number' },
  { from: 'uid', to: 'user.id', as: 'textOfNumber' },
  { from: 'user.name', to: 'user.name', as: 'text' },
  { from: 'process_credentials.uid', to: 'real_user.id', as: 'textOfNumber' },
  { from: 'process_credentials.suid', to: 'saved_user.id', as: 'textOfNumber' },
  { from: 'process_credentials.gid', to: 'real_group.id', as: 'textOfNumber' },
  { from: 'process_credentials.sgid', to: 'saved_group.id', as: 'textOfNumber' },
  { from: 'cap.permitted', to: 'thread.capabilities.permitted', as: 'capabilities' },
  { from: 'cap.effective', to: 'thread.capabilities.effective', as: 'capabilities' },
];

/** Of `process` to the ECS event. */
export const ecsProcessFields: readonly Field[] = [
  ...below('process', sharedProcessFields),
  { from: 'environment_variables', to: 'process.env_vars', as: 'environmentWords' },
  { from: 'uid', to: 'user.id', as: 'textOfNumber' },
  { from: 'user.name', to: 'user.name', as: 'text' },
  { from: 'docker', to: 'container.id', as: 'text' },
  { from: 'pod.container.name', to: 'container.name', as: 'text' },
  { from: 'pod.container.image.name', to: 'container.image.name', as: 'text' },
  { from: 'pod.container.pid', to: 'process.vpid', as: 'number' },
  { from: 'pod.container.security_context.privileged', to: 'container.security_context.privileged', as: 'flag' },
  { from: 'pod.namespace', to: 'orchestrator.namespace', as: 'text' },
  { from: 'pod.name', to: 'orchestrator.resource.name', as: 'text' },
];

/** Of `parent` to the ECS event. */
export const ecsParentFields: readonly Field[] = below('process.parent', sharedProcessFields);

/** Of the line to the ECS event. */
export const ecsLineFields: readonly Field[] = [
  { from: 'time', to: '@timestamp', as: 'time' },
  { from: 'node_name', to: 'host.name', as: 'text' },
  { from: 'node_name', to: 'host.hostname', as: 'text' },
  { from: 'cluster_name', to: 'orchestrator.cluster.name', as: 'text' },
  { from: 'sequence', to: 'event.sequence', as: 'numberOfText' },
];

const policyFields: readonly Field[] = [
  { from: 'policy_name', to: 'rule.name', as: 'text' },
  { from: 'message', to: 'message', as: 'text' },
  { from: 'tags', to: 'tags', as: 'words' },
];

const fileFields: readonly Field[] = [
  { from: 'path', to: 'file.path', as: 'text' },
  { from: 'path', to: 'file.name', as: 'fileName' },
];

/** By event: where the members of the event go, besides the processes. */
export const ecsEventFields: Readonly<Record<string, readonly Field[]>> = {
  process_exec: [],
  process_exit: [
    { from: 'status', to: 'process.exit_code', as: 'number' },
    { from: 'time', to: 'process.end', as: 'time' },
  ],
  process_kprobe: policyFields,
  process_tracepoint: policyFields,
  process_lsm: policyFields,
  process_uprobe: [...policyFields, ...fileFields],
  process_usdt: [...policyFields, ...fileFields],
  process_loader: [
    { from: 'path', to: 'dll.path', as: 'text' },
    { from: 'path', to: 'dll.name', as: 'fileName' },
  ],
  process_throttle: [],
  rate_limit_info: [],
  test: [],
};
