import type { HookCall } from './hook-call.ts';

/** OCSF event classes that events become. `subject` is the member a class requires besides actor and device. */
export const ocsfClasses = {
  base: { uid: 0, name: 'Base Event', category: 0, categoryName: 'Uncategorized', subject: undefined },
  file: { uid: 1001, name: 'File System Activity', category: 1, categoryName: 'System Activity', subject: 'file' },
  extension: {
    uid: 1002,
    name: 'Kernel Extension Activity',
    category: 1,
    categoryName: 'System Activity',
    subject: 'driver',
  },
  kernel: { uid: 1003, name: 'Kernel Activity', category: 1, categoryName: 'System Activity', subject: 'kernel' },
  module: { uid: 1005, name: 'Module Activity', category: 1, categoryName: 'System Activity', subject: 'module' },
  process: { uid: 1007, name: 'Process Activity', category: 1, categoryName: 'System Activity', subject: 'process' },
  log: { uid: 1008, name: 'Event Log Activity', category: 1, categoryName: 'System Activity', subject: undefined },
  network: {
    uid: 4001,
    name: 'Network Activity',
    category: 4,
    categoryName: 'Network Activity',
    subject: 'src_endpoint, dst_endpoint',
  },
} as const;

export type OcsfClass = keyof typeof ocsfClasses;

/** What happened, in the words of both schemas. */
export interface Activity {
  readonly class: OcsfClass;
  /** OCSF's activity_id and its caption; 99 takes the caption from the name of the call. */
  readonly id: number;
  readonly caption?: string;
  /** ECS's event.category and event.type. */
  readonly category?: string;
  readonly type: string;
  /** From where the connection comes: decides which end is the source. */
  readonly direction?: 'inbound' | 'outbound';
}

export type ActivityName = keyof typeof activities;

export const activities = {
  exec: { class: 'process', id: 1, caption: 'Launch', category: 'process', type: 'start' },
  found: { class: 'process', id: 99, caption: 'Discovered', category: 'process', type: 'info' },
  exit: { class: 'process', id: 2, caption: 'Terminate', category: 'process', type: 'end' },
  /** Hooks on the way to an exec or exit, which has its own event: in ECS no second start or end. */
  execCall: { class: 'process', id: 1, caption: 'Launch', category: 'process', type: 'info' },
  exitCall: { class: 'process', id: 2, caption: 'Terminate', category: 'process', type: 'info' },
  setUser: { class: 'process', id: 5, caption: 'Set User ID', category: 'process', type: 'change' },
  fileCreate: { class: 'file', id: 1, caption: 'Create', category: 'file', type: 'creation' },
  fileRead: { class: 'file', id: 2, caption: 'Read', category: 'file', type: 'access' },
  fileWrite: { class: 'file', id: 3, caption: 'Update', category: 'file', type: 'change' },
  fileDelete: { class: 'file', id: 4, caption: 'Delete', category: 'file', type: 'deletion' },
  fileRename: { class: 'file', id: 5, caption: 'Rename', category: 'file', type: 'change' },
  fileAttributes: { class: 'file', id: 6, caption: 'Set Attributes', category: 'file', type: 'change' },
  fileSecurity: { class: 'file', id: 7, caption: 'Set Security', category: 'file', type: 'change' },
  fileStat: { class: 'file', id: 8, caption: 'Get Attributes', category: 'file', type: 'access' },
  fileMount: { class: 'file', id: 12, caption: 'Mount', category: 'file', type: 'change' },
  fileUnmount: { class: 'file', id: 13, caption: 'Unmount', category: 'file', type: 'change' },
  fileOpen: { class: 'file', id: 14, caption: 'Open', category: 'file', type: 'access' },
  fileOther: { class: 'file', id: 99, category: 'file', type: 'info' },
  connect: {
    class: 'network',
    id: 1,
    caption: 'Open',
    category: 'network',
    type: 'start',
    direction: 'outbound',
  },
  accept: { class: 'network', id: 1, caption: 'Open', category: 'network', type: 'start', direction: 'inbound' },
  close: { class: 'network', id: 2, caption: 'Close', category: 'network', type: 'end' },
  reset: { class: 'network', id: 3, caption: 'Reset', category: 'network', type: 'end' },
  send: {
    class: 'network',
    id: 6,
    caption: 'Traffic',
    category: 'network',
    type: 'connection',
    direction: 'outbound',
  },
  receive: {
    class: 'network',
    id: 6,
    caption: 'Traffic',
    category: 'network',
    type: 'connection',
    direction: 'inbound',
  },
  listen: { class: 'network', id: 7, caption: 'Listen', category: 'network', type: 'info', direction: 'inbound' },
  bind: { class: 'network', id: 99, category: 'network', type: 'info', direction: 'inbound' },
  networkOther: { class: 'network', id: 99, category: 'network', type: 'info' },
  moduleLoad: { class: 'extension', id: 1, caption: 'Load', category: 'driver', type: 'start' },
  moduleUnload: { class: 'extension', id: 2, caption: 'Unload', category: 'driver', type: 'end' },
  libraryLoad: { class: 'module', id: 1, caption: 'Load', category: 'library', type: 'start' },
  userCall: { class: 'module', id: 3, caption: 'Invoke', category: 'process', type: 'info' },
  kernelCreate: { class: 'kernel', id: 1, caption: 'Create', category: 'host', type: 'change' },
  kernelInvoke: { class: 'kernel', id: 4, caption: 'Invoke', category: 'process', type: 'info' },
  kernelOther: { class: 'kernel', id: 99, category: 'process', type: 'info' },
  throttle: { class: 'log', id: 99, category: 'host', type: 'info' },
  loss: { class: 'log', id: 99, caption: 'Events Lost', category: 'host', type: 'info' },
  unknown: { class: 'base', id: 99, type: 'info' },
} as const satisfies Record<string, Activity>;

/** Calls whose meaning is known: names separated by spaces, of system calls, LSM hooks, kernel functions, tracepoints. */
export interface CallRow {
  readonly activity: ActivityName;
  readonly syscalls?: string;
  readonly lsm?: string;
  readonly functions?: string;
  readonly tracepoints?: string;
}

export const callRows: readonly CallRow[] = [
  {
    activity: 'execCall',
    syscalls: 'execve execveat',
    lsm: 'bprm_check bprm_check_security bprm_creds_for_exec bprm_creds_from_file bprm_committing_creds bprm_committed_creds',
    functions: 'do_execve do_execveat_common bprm_execve',
    tracepoints: 'sched/sched_process_exec',
  },
  {
    activity: 'exitCall',
    syscalls: 'exit exit_group',
    functions: 'do_exit do_group_exit',
    tracepoints: 'sched/sched_process_exit',
  },
  {
    activity: 'setUser',
    syscalls: 'setuid setreuid setresuid setfsuid',
    lsm: 'task_fix_setuid',
    functions: 'commit_creds __sys_setuid __sys_setreuid __sys_setresuid __sys_setfsuid',
  },
  {
    activity: 'fileOpen',
    syscalls: 'open openat openat2 open_by_handle_at',
    lsm: 'file_open',
    functions: 'fd_install do_sys_open do_sys_openat2 do_filp_open vfs_open do_dentry_open',
  },
  {
    activity: 'fileRead',
    syscalls: 'read readv pread64 preadv preadv2 readlink readlinkat getdents getdents64',
    lsm: 'inode_readlink kernel_read_file',
    functions: 'vfs_read vfs_readv vfs_iter_read ksys_read kernel_read',
  },
  {
    activity: 'fileWrite',
    syscalls: 'write writev pwrite64 pwritev pwritev2 truncate ftruncate fallocate copy_file_range',
    lsm: 'file_truncate path_truncate',
    functions: 'vfs_write vfs_writev vfs_iter_write ksys_write do_truncate vfs_fallocate',
  },
  {
    activity: 'fileCreate',
    syscalls: 'creat mkdir mkdirat mknod mknodat link linkat symlink symlinkat memfd_create',
    lsm: 'inode_create inode_mkdir inode_mknod inode_symlink inode_link path_mkdir path_mknod path_symlink path_link',
    functions: 'vfs_create vfs_mkdir vfs_mknod vfs_symlink vfs_link',
  },
  {
    activity: 'fileDelete',
    syscalls: 'unlink unlinkat rmdir',
    lsm: 'inode_unlink inode_rmdir path_unlink path_rmdir',
    functions: 'vfs_unlink vfs_rmdir do_unlinkat do_rmdir',
  },
  {
    activity: 'fileRename',
    syscalls: 'rename renameat renameat2',
    lsm: 'inode_rename path_rename',
    functions: 'vfs_rename do_renameat2',
  },
  {
    activity: 'fileAttributes',
    syscalls: 'utime utimes utimensat futimesat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr',
    lsm: 'inode_setattr inode_setxattr inode_removexattr inode_post_setxattr file_ioctl file_fcntl',
    functions: 'notify_change vfs_setxattr vfs_removexattr',
  },
  {
    activity: 'fileSecurity',
    syscalls: 'chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat',
    lsm: 'path_chmod path_chown inode_set_acl inode_remove_acl inode_setsecurity',
    functions: 'chmod_common chown_common',
  },
  {
    activity: 'fileStat',
    syscalls:
      'stat lstat fstat newfstatat newstat newlstat newfstat statx access faccessat faccessat2 getxattr lgetxattr fgetxattr',
    lsm: 'inode_getattr inode_getxattr inode_listxattr',
    functions: 'vfs_getattr vfs_statx vfs_getxattr',
  },
  {
    activity: 'fileMount',
    syscalls: 'mount move_mount fsmount open_tree pivot_root',
    lsm: 'sb_mount move_mount sb_pivotroot sb_remount',
    functions: 'path_mount do_mount do_move_mount',
  },
  { activity: 'fileUnmount', syscalls: 'umount umount2 oldumount', lsm: 'sb_umount', functions: 'path_umount' },
  {
    activity: 'connect',
    syscalls: 'connect',
    lsm: 'socket_connect',
    functions:
      'tcp_connect tcp_v4_connect tcp_v6_connect inet_stream_connect ip4_datagram_connect ip6_datagram_connect __sys_connect unix_stream_connect',
  },
  {
    activity: 'accept',
    syscalls: 'accept accept4',
    lsm: 'socket_accept inet_conn_request inet_conn_established inet_csk_clone',
    functions: 'inet_csk_accept inet_accept __sys_accept4 tcp_v4_syn_recv_sock',
  },
  {
    activity: 'close',
    syscalls: 'shutdown',
    lsm: 'socket_shutdown',
    functions:
      'tcp_close tcp_shutdown inet_release inet_shutdown inet_csk_destroy_sock tcp_fin tcp_done udp_destroy_sock',
  },
  {
    activity: 'reset',
    functions: 'tcp_reset tcp_send_active_reset tcp_v4_send_reset tcp_v6_send_reset',
    tracepoints: 'tcp/tcp_send_reset tcp/tcp_receive_reset',
  },
  {
    activity: 'send',
    syscalls: 'sendto sendmsg sendmmsg',
    lsm: 'socket_sendmsg',
    functions:
      'tcp_sendmsg tcp_sendmsg_locked udp_sendmsg udpv6_sendmsg ip_output ip6_output ip_send_skb raw_sendmsg sock_sendmsg',
    tracepoints: 'sock/sock_send_length',
  },
  {
    activity: 'receive',
    syscalls: 'recvfrom recvmsg recvmmsg',
    lsm: 'socket_recvmsg socket_sock_rcv_skb',
    functions:
      'tcp_recvmsg udp_recvmsg udpv6_recvmsg tcp_v4_rcv tcp_v6_rcv udp_rcv ip_rcv sock_recvmsg tcp_cleanup_rbuf',
    tracepoints: 'sock/sock_recv_length',
  },
  {
    activity: 'listen',
    syscalls: 'listen',
    lsm: 'socket_listen',
    functions: 'inet_csk_listen_start inet_listen __sys_listen',
  },
  { activity: 'bind', syscalls: 'bind', lsm: 'socket_bind', functions: 'inet_bind inet6_bind __inet_bind __sys_bind' },
  {
    activity: 'moduleLoad',
    syscalls: 'init_module finit_module',
    lsm: 'kernel_module_request kernel_load_data',
    functions: 'do_init_module load_module',
    tracepoints: 'module/module_load',
  },
  { activity: 'moduleUnload', syscalls: 'delete_module', functions: 'free_module', tracepoints: 'module/module_free' },
  {
    activity: 'kernelCreate',
    lsm: 'bpf_map_alloc bpf_map_create bpf_prog_alloc bpf_prog_load perf_event_alloc perf_event_open',
    functions: 'bpf_check bpf_prog_load map_create perf_event_alloc',
  },
];

/** Calls whose first number is a mask (`include/linux/fs.h: MAY_*`) that says whether they read or write. */
export const permissionCalls = new Set(['file_permission', 'inode_permission', 'rw_verify_area']);
const MAY_WRITE_OR_APPEND = 0x2 | 0x8;

const callActivities = new Map(callRows.flatMap(rowEntries));

/** What a call means; undefined when its name says nothing. `mask` is the first number among its arguments. */
export function callActivity(call: HookCall, mask: number | undefined): ActivityName | undefined {
  if (call.kind === 'user') return 'userCall';
  if (permissionCalls.has(call.name) && mask !== undefined)
    return (mask & MAY_WRITE_OR_APPEND) === 0 ? 'fileRead' : 'fileWrite';
  return callActivities.get(`${call.kind} ${call.name}`);
}

function rowEntries(row: CallRow): [string, ActivityName][] {
  const lists = { syscall: row.syscalls, lsm: row.lsm, function: row.functions, tracepoint: row.tracepoints };
  return Object.entries(lists).flatMap(([kind, names]) =>
    (names?.split(' ') ?? []).map((name): [string, ActivityName] => [`${kind} ${name}`, row.activity]),
  );
}
