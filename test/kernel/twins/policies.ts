import { tracingPolicy } from '../harness/policy-text.ts';

/** The file that most policies of the samples watch. */
export const watchedFile = '/run/twins/match/m.txt';
/** Forbidden files, by the policy that forbids them. */
export const forbiddenFiles = { e1: '/run/twins/e1/m.txt', e2: '/run/twins/e2/m.txt', e3: '/run/twins/e3/m.txt' };
/** Stands for /etc/passwd, which the test does not write. */
export const writtenFile = '/run/twins/passwd';
/** Run by nothing but the triggers. */
export const program = '/run/twins/call';
/** Does nothing and has no arguments. */
export const idleProgram = '/run/twins/idle';

const onWatchedFile = `
      selectors:
      - matchArgs: [{index: 0, operator: Equal, values: ["${watchedFile}"]}]`;

/** The policies of the samples that were taken with credentials and namespaces, by name. */
export const fullPolicies: Readonly<Record<string, string>> = {
  's1-syscalls': tracingPolicy(
    's1-syscalls',
    `
    kprobes:
    - call: sys_openat
      syscall: true
      return: true
      returnArg: {index: 0, type: int}
      message: openat of sample file
      tags: [sample, filesystem]
      args:
      - {index: 0, type: int, label: dfd}
      - {index: 1, type: string, label: filename}
      - {index: 2, type: int}
      - {index: 3, type: uint32}
      selectors:
      - matchArgs: [{index: 1, operator: Equal, values: ["${watchedFile}"]}]
    - call: sys_write
      syscall: true
      args:
      - {index: 0, type: fd}
      - {index: 1, type: char_buf, sizeArgIndex: 3}
      - {index: 2, type: size_t}
      selectors:
      - matchBinaries: [{operator: In, values: ["${program}"]}]`,
  ),
  's2-security': tracingPolicy(
    's2-security',
    `
    kprobes:
    - call: security_socket_connect
      syscall: false
      args:
      - {index: 0, type: socket}
      - {index: 1, type: sockaddr}
      - {index: 2, type: int}
      selectors:
      - matchArgs: [{index: 1, operator: Family, values: [AF_INET]}]
    - call: tcp_connect
      syscall: false
      args: [{index: 0, type: sock}]
    - call: security_path_mkdir
      syscall: false
      args:
      - {index: 0, type: path}
      - {index: 1, type: dentry}
    - call: commit_creds
      syscall: false
      args: [{index: 0, type: cred}]
      selectors:
      - matchBinaries: [{operator: In, values: [/usr/bin/setpriv]}]
    - call: cap_capable
      syscall: false
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 1, type: user_namespace}
      - {index: 2, type: capability}
      selectors:
      - matchBinaries: [{operator: In, values: [/usr/bin/setpriv]}]`,
  ),
  's3-lsm': tracingPolicy(
    's3-lsm',
    `
    lsmhooks:
    - hook: bprm_check_security
      args: [{index: 0, type: linux_binprm}]
      selectors:
      - matchArgs: [{index: 0, operator: Equal, values: ["${program}"]}]
    - hook: file_open
      message: lsm file open
      args: [{index: 0, type: file}]${onWatchedFile}`,
  ),
  's4-tp': tracingPolicy(
    's4-tp',
    `
    tracepoints:
    - subsystem: syscalls
      event: sys_enter_openat
      args:
      - {index: 5, type: int64}
      - {index: 6, type: string}
      selectors:
      - matchArgs: [{index: 6, operator: Equal, values: ["${watchedFile}"]}]
    - subsystem: raw_syscalls
      event: sys_enter
      args: [{index: 4, type: syscall64}]
      selectors:
      - matchBinaries: [{operator: In, values: ["${idleProgram}"]}]
        matchArgs: [{index: 4, operator: InMap, values: ["60", "231"]}]`,
  ),
  's5-rawtp': tracingPolicy(
    's5-rawtp',
    `
    tracepoints:
    - subsystem: sched
      event: sched_process_exec
      raw: true
      args: [{index: 2, type: linux_binprm}]
      selectors:
      - matchArgs: [{index: 2, operator: Equal, values: [/usr/bin/cut]}]`,
  ),
  's7-loader': tracingPolicy('s7-loader', '\n    loader: true'),
  's8-fentry': tracingPolicy(
    's8-fentry',
    `
    fentries:
    - call: security_file_open
      syscall: false
      args: [{index: 0, type: file}]${onWatchedFile}`,
  ),
};

/** The policies of the other samples. */
export const plainPolicies: Readonly<Record<string, string>> = {
  'file-monitoring-filtered': tracingPolicy(
    'file-monitoring-filtered',
    `
    kprobes:
    - call: security_file_permission
      syscall: false
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 0, type: file}
      - {index: 1, type: int}
      selectors:
      - matchArgs:
        - {index: 0, operator: Equal, values: ["${writtenFile}"]}
        - {index: 1, operator: Equal, values: ["2"]}`,
  ),
  connect: tracingPolicy(
    'connect',
    `
    kprobes:
    - call: tcp_connect
      syscall: false
      args: [{index: 0, type: sock}]
    - call: tcp_sendmsg
      syscall: false
      args:
      - {index: 0, type: sock}
      - {index: 2, type: int}`,
  ),
  'r1-ret': tracingPolicy(
    'r1-ret',
    `
    kprobes:
    - call: security_file_open
      syscall: false
      return: true
      returnArg: {index: 0, type: int}
      args: [{index: 0, type: file}]${onWatchedFile}`,
  ),
  'r2-stack': tracingPolicy(
    'r2-stack',
    `
    kprobes:
    - call: security_file_open
      syscall: false
      args: [{index: 0, type: file}]${onWatchedFile}
        matchActions: [{action: Post, kernelStackTrace: true}]`,
  ),
  'r3-bprm': tracingPolicy(
    'r3-bprm',
    `
    kprobes:
    - call: security_bprm_check
      syscall: false
      args: [{index: 0, type: linux_binprm}]
      selectors:
      - matchArgs: [{index: 0, operator: Equal, values: ["${program}"]}]`,
  ),
  'r4-openat': tracingPolicy(
    'r4-openat',
    `
    kprobes:
    - call: sys_openat
      syscall: true
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 0, type: int}
      - {index: 1, type: string}
      selectors:
      - matchArgs: [{index: 1, operator: Equal, values: ["${watchedFile}"]}]`,
  ),
  'lsm-file-open': tracingPolicy(
    'lsm-file-open',
    `
    lsmhooks:
    - hook: file_open
      args: [{index: 0, type: file}]
      selectors:
      - matchArgs: [{index: 0, operator: Equal, values: [/etc/shadow]}]`,
  ),
  e1: lsmAction('e1', 'action: Override, argError: -1'),
  e2: lsmAction('e2', 'action: Sigkill'),
  e3: tracingPolicy(
    'e3',
    `
    kprobes:
    - call: security_file_open
      syscall: false
      args: [{index: 0, type: file}]
      selectors:
      - matchArgs: [{index: 0, operator: Equal, values: ["${forbiddenFiles.e3}"]}]
        matchActions: [{action: Sigkill}]`,
  ),
  e9: tracingPolicy(
    'e9',
    `
    lsmhooks:
    - hook: file_open
      args: [{index: 0, type: file}]${onWatchedFile}`,
  ),
};

function lsmAction(name: 'e1' | 'e2', action: string): string {
  return tracingPolicy(
    name,
    `
    lsmhooks:
    - hook: file_open
      args: [{index: 0, type: file}]
      selectors:
      - matchArgs: [{index: 0, operator: Equal, values: ["${forbiddenFiles[name]}"]}]
        matchActions: [{${action}}]`,
  );
}

/** Where the collector listens. */
export const port = 5555;

const connect = `echo hello > /dev/tcp/127.0.0.1/${port}`;

/** Lines of a shell script. */
export const fullTriggers: readonly string[] = [
  `${program} openat ${watchedFile} 1 > /run/twins/out`,
  `/bin/bash -c "${connect}"`,
  '/usr/bin/mkdir /run/twins/newdir_s2',
  '/usr/bin/setpriv --reuid 1000 /usr/bin/true',
  '/usr/bin/sleep 0.05',
  "/usr/bin/cut -d ' ' -f1 /proc/uptime",
  '/usr/bin/true',
  '/usr/bin/nproc',
  idleProgram,
];

export const plainTriggers: readonly string[] = [
  `${program} openat ${watchedFile} 0`,
  `/usr/bin/cat ${watchedFile}`,
  `/bin/bash -c "${connect}"`,
  '/usr/bin/cat /etc/shadow',
  ...Object.values(forbiddenFiles).map((file) => `${program} openat ${file} 0`),
  "/usr/bin/cut -d ' ' -f1 /proc/uptime",
];
