/**
 * What OCSF 1.7.0 says of the objects and classes that we make: attributes, types and what is required. Transcribed from
 * https://schema.ocsf.io/1.7.0/classes and /objects; members that we never make are left out. Tests hold what comes out
 * against it, so a member that is not here is a mistake. `sequence` and `count` have no width there and may be long here.
 */

/** `s` string, `i` 32-bit integer, `l` 64-bit integer, `t` milliseconds, `d` RFC 3339, `b` boolean, `*` any object; a list in brackets; else the name of an object. */
export type OcsfType = string;

export interface OcsfObject {
  readonly attributes: Readonly<Record<string, OcsfType>>;
  readonly required?: readonly string[];
  readonly atLeastOne?: readonly string[];
}

const baseAttributes = {
  activity_id: 'i',
  activity_name: 's',
  category_uid: 'i',
  category_name: 's',
  class_uid: 'i',
  class_name: 's',
  type_uid: 'l',
  type_name: 's',
  severity_id: 'i',
  severity: 's',
  status_id: 'i',
  status: 's',
  time: 't',
  time_dt: 'd',
  count: 'l',
  message: 's',
  metadata: 'metadata',
  device: 'device',
  actor: 'actor',
  action_id: 'i',
  action: 's',
  disposition_id: 'i',
  disposition: 's',
  is_alert: 'b',
  attacks: '[attack]',
  policy: 'policy',
  raw_data: 's',
  unmapped: '*',
};
const baseRequired = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'];
const systemRequired = [...baseRequired, 'actor', 'device'];

/** By class_uid. */
export const ocsfClassDefinitions: Readonly<Record<number, OcsfObject & { readonly activities: readonly string[] }>> = {
  0: { attributes: baseAttributes, required: baseRequired, activities: [] },
  1001: {
    attributes: { ...baseAttributes, file: 'file', file_result: 'file' },
    required: [...systemRequired, 'file'],
    activities:
      'Create,Read,Update,Delete,Rename,Set Attributes,Set Security,Get Attributes,Get Security,Encrypt,Decrypt,Mount,Unmount,Open'.split(
        ',',
      ),
  },
  1002: {
    attributes: { ...baseAttributes, driver: 'kernel_driver' },
    required: [...systemRequired, 'driver'],
    activities: ['Load', 'Unload'],
  },
  1003: {
    attributes: { ...baseAttributes, kernel: 'kernel' },
    required: [...systemRequired, 'kernel'],
    activities: ['Create', 'Read', 'Delete', 'Invoke'],
  },
  1005: {
    attributes: { ...baseAttributes, module: 'module' },
    required: [...systemRequired, 'module'],
    activities: ['Load', 'Unload', 'Invoke'],
  },
  1007: {
    attributes: { ...baseAttributes, process: 'process', exit_code: 'i', launch_type: 's', launch_type_id: 'i' },
    required: [...systemRequired, 'process'],
    activities: ['Launch', 'Terminate', 'Open', 'Inject', 'Set User ID'],
  },
  1008: {
    attributes: { ...baseAttributes, log_name: 's', log_provider: 's' },
    required: baseRequired,
    atLeastOne: ['log_name', 'log_provider'],
    activities: 'Clear,Delete,Export,Archive,Rotate,Start,Stop,Restart,Enable,Disable'.split(','),
  },
  4001: {
    attributes: {
      ...baseAttributes,
      connection_info: 'network_connection_info',
      src_endpoint: 'network_endpoint',
      dst_endpoint: 'network_endpoint',
      is_src_dst_assignment_known: 'b',
    },
    required: baseRequired,
    atLeastOne: ['dst_endpoint', 'src_endpoint'],
    activities: ['Open', 'Close', 'Reset', 'Fail', 'Refuse', 'Traffic', 'Listen'],
  },
};

const processEntity = {
  cmd_line: 's',
  created_time: 't',
  created_time_dt: 'd',
  name: 's',
  path: 's',
  pid: 'i',
  uid: 's',
};

export const ocsfObjects: Readonly<Record<string, OcsfObject>> = {
  actor: { attributes: { process: 'process', user: 'user' }, atLeastOne: ['process', 'user'] },
  attack: {
    attributes: { technique: 'technique', sub_technique: 'technique' },
    atLeastOne: ['technique', 'sub_technique'],
  },
  container: { attributes: { image: 'image', name: 's', uid: 's' }, atLeastOne: ['uid', 'name'] },
  device: {
    attributes: { hostname: 's', name: 's', os: 'os', type: 's', type_id: 'i' },
    required: ['type_id'],
    atLeastOne: ['hostname', 'name'],
  },
  environment_variable: { attributes: { name: 's', value: 's' }, required: ['name', 'value'] },
  file: { attributes: { name: 's', path: 's', type: 's', type_id: 'i' }, required: ['name', 'type_id'] },
  group: { attributes: { name: 's', uid: 's' }, atLeastOne: ['name', 'uid'] },
  image: { attributes: { name: 's', uid: 's' }, required: ['uid'] },
  kernel: { attributes: { name: 's', system_call: 's', type: 's', type_id: 'i' }, required: ['name', 'type_id'] },
  kernel_driver: { attributes: { file: 'file' }, required: ['file'] },
  metadata: {
    attributes: {
      event_code: 's',
      labels: '[s]',
      log_name: 's',
      product: 'product',
      profiles: '[s]',
      sequence: 'l',
      version: 's',
    },
    required: ['product', 'version'],
  },
  module: {
    attributes: { file: 'file', function_name: 's', load_type: 's', load_type_id: 'i' },
    atLeastOne: ['function_name', 'load_type_id'],
  },
  network_connection_info: {
    attributes: {
      direction: 's',
      direction_id: 'i',
      protocol_name: 's',
      protocol_num: 'i',
      protocol_ver_id: 'i',
      uid: 's',
    },
    required: ['direction_id'],
  },
  network_endpoint: { attributes: { ip: 's', name: 's', port: 'i' }, atLeastOne: ['ip', 'name'] },
  os: { attributes: { name: 's', type: 's', type_id: 'i' }, required: ['name', 'type_id'] },
  policy: { attributes: { name: 's' }, atLeastOne: ['name'] },
  process: {
    attributes: {
      ...processEntity,
      ancestry: '[process_entity]',
      auid: 'i',
      container: 'container',
      egid: 'i',
      environment_variables: '[environment_variable]',
      euid: 'i',
      file: 'file',
      group: 'group',
      namespace_pid: 'i',
      parent_process: 'process',
      terminated_time: 't',
      terminated_time_dt: 'd',
      tid: 'i',
      user: 'user',
      working_directory: 's',
    },
    atLeastOne: ['pid', 'uid'],
  },
  process_entity: { attributes: processEntity, atLeastOne: ['cmd_line', 'name', 'path', 'pid', 'uid'] },
  product: { attributes: { name: 's', vendor_name: 's' }, atLeastOne: ['name'] },
  technique: { attributes: { name: 's', uid: 's' }, atLeastOne: ['name', 'uid'] },
  user: { attributes: { name: 's', uid: 's' }, atLeastOne: ['name', 'uid'] },
};
