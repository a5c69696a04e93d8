import { below, type Field } from './field-table.ts';

/** The version that the tables follow: https://schema.ocsf.io/1.7.0 */
export const OCSF_VERSION = '1.7.0';

/** Of `process` to OCSF's process object. */
export const ocsfProcessFields: readonly Field[] = [
  { from: 'pid', to: 'pid', as: 'number' },
  { from: 'exec_id', to: 'uid', as: 'text' },
  { from: 'binary', to: 'name', as: 'fileName' },
  { from: 'binary', to: 'path', as: 'text' },
  { from: 'binary', to: 'cmd_line', as: 'binaryLine' },
  { from: 'arguments', to: 'cmd_line', as: 'commandLine' },
  { from: 'cwd', to: 'working_directory', as: 'text' },
  { from: 'start_time', to: 'created_time', as: 'milliseconds' },
  { from: 'start_time', to: 'created_time_dt', as: 'time' },
  { from: 'tid', to: 'tid', as: 'number' },
  { from: 'uid', to: 'user.uid', as: 'textOfNumber' },
  { from: 'user.name', to: 'user.name', as: 'text' },
  { from: 'auid', to: 'auid', as: 'number' },
  { from: 'process_credentials.euid', to: 'euid', as: 'number' },
  { from: 'process_credentials.egid', to: 'egid', as: 'number' },
  { from: 'process_credentials.gid', to: 'group.uid', as: 'textOfNumber' },
  { from: 'docker', to: 'container.uid', as: 'text' },
  { from: 'pod.container.name', to: 'container.name', as: 'text' },
  { from: 'pod.container.image', to: 'container.image', as: 'image' },
  { from: 'pod.container.pid', to: 'namespace_pid', as: 'number' },
  { from: 'environment_variables', to: 'environment_variables', as: 'environmentObjects' },
];

/** Of each of `ancestors`, and of the parent, to an entry of OCSF's process.ancestry. */
export const ocsfAncestorFields: readonly Field[] = [
  { from: 'pid', to: 'pid', as: 'number' },
  { from: 'exec_id', to: 'uid', as: 'text' },
  { from: 'binary', to: 'name', as: 'fileName' },
  { from: 'binary', to: 'path', as: 'text' },
  { from: 'binary', to: 'cmd_line', as: 'binaryLine' },
  { from: 'arguments', to: 'cmd_line', as: 'commandLine' },
  { from: 'start_time', to: 'created_time', as: 'milliseconds' },
  { from: 'start_time', to: 'created_time_dt', as: 'time' },
];

/** Of the line to the OCSF event. */
export const ocsfLineFields: readonly Field[] = [
  { from: 'time', to: 'time', as: 'milliseconds' },
  { from: 'time', to: 'time_dt', as: 'time' },
  { from: 'node_name', to: 'device.hostname', as: 'text' },
  { from: 'sequence', to: 'metadata.sequence', as: 'numberOfText' },
  { from: 'aggregation_info.count', to: 'count', as: 'numberOfText' },
];

/** Of events of policies; also of those that lack what a class requires. */
export const ocsfPolicyFields: readonly Field[] = [
  { from: 'policy_name', to: 'policy.name', as: 'text' },
  { from: 'message', to: 'message', as: 'text' },
  { from: 'tags', to: 'metadata.labels', as: 'words' },
];

const moduleFile: readonly Field[] = [
  { from: 'path', to: 'name', as: 'fileName' },
  { from: 'path', to: 'path', as: 'text' },
];

/** By event: where the members of the event go, besides the processes. */
export const ocsfEventFields: Readonly<Record<string, readonly Field[]>> = {
  process_exec: [],
  process_exit: [
    { from: 'status', to: 'exit_code', as: 'number' },
    { from: 'time', to: 'process.terminated_time', as: 'milliseconds' },
    { from: 'time', to: 'process.terminated_time_dt', as: 'time' },
  ],
  process_kprobe: ocsfPolicyFields,
  process_tracepoint: ocsfPolicyFields,
  process_lsm: ocsfPolicyFields,
  process_uprobe: [
    ...ocsfPolicyFields,
    ...below('module.file', moduleFile),
    { from: 'symbol', to: 'module.function_name', as: 'text' },
  ],
  process_usdt: [
    ...ocsfPolicyFields,
    ...below('module.file', moduleFile),
    { from: 'name', to: 'module.function_name', as: 'copyOfText' },
  ],
  process_loader: below('module.file', moduleFile),
  process_throttle: [],
  rate_limit_info: [],
  test: [],
};
