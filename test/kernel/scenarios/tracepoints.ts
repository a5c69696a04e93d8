import { strict as assert } from 'node:assert';
import { allowed, matches, once, type Pattern, times } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const call = triggerProgram('call');
const getcpu = process.arch === 'arm64' ? 168 : 309;

export const tracepointScenarios: readonly Scenario[] = [
  {
    name: 'a tracepoint policy on raw_syscalls filters by the number of the call',
    policies: () => ({
      'raw-syscalls.yaml': tracingPolicy(
        'raw-syscalls',
        `
        tracepoints:
        - subsystem: raw_syscalls
          event: sys_enter
          args:
          - {index: 4, type: syscall64}
          selectors:
          - matchBinaries:
            - {operator: In, values: ["${call}"]}
            matchArgs:
            - {index: 4, operator: Equal, values: ["${getcpu}"]}`,
      ),
    }),
    async trigger(context) {
      await context.must(['./call', 'getcpu-burst', '3']);
      await context.must(['./mark', 'other']);
    },
    expected: () => [
      times(3, {
        process_tracepoint: {
          process: { binary: call },
          subsys: 'raw_syscalls',
          event: 'sys_enter',
          policy_name: 'raw-syscalls',
          args: [{ syscall_id: { id: getcpu, abi: /^(x64|arm64)$/ } }],
          action: 'KPROBE_ACTION_POST',
        },
      }),
    ],
  },
  {
    name: 'tracepoint policies read numbers and texts of the event by their fields',
    policies: () => ({
      'kill.yaml': tracingPolicy(
        'kill',
        `
        tracepoints:
        - subsystem: syscalls
          event: sys_enter_kill
          args:
          - {index: 5, type: int64}
          - {index: 6, type: int}
          selectors:
          - matchArgs:
            - {index: 6, operator: Equal, values: ["0"]}
            matchBinaries:
            - {operator: In, values: ["${call}"]}`,
      ),
      'exec.yaml': tracingPolicy(
        'exec',
        `
        tracepoints:
        - subsystem: sched
          event: sched_process_exec
          args:
          - {index: 4, type: auto}
          - {index: 5, type: auto}
          selectors:
          - matchArgs:
            - {index: 4, operator: Equal, values: ["${call}"]}`,
      ),
    }),
    async trigger(context) {
      const { pid } = await context.must(['./call', 'kill', String(process.pid), '0']);
      context.notes.set('pid', pid);
      await context.must(['./mark', 'other']);
    },
    expected: (context) => [
      once({
        process_tracepoint: {
          process: { binary: call },
          subsys: 'syscalls',
          event: 'sys_enter_kill',
          policy_name: 'kill',
          args: [{ long_arg: String(process.pid) }, (value: object) => Object.values(value)[0] === 0],
        },
      }),
      once({
        process_tracepoint: {
          subsys: 'sched',
          event: 'sched_process_exec',
          policy_name: 'exec',
          args: [{ string_arg: call }, { int_arg: context.note('pid') }],
        },
      }),
    ],
  },
  {
    name: 'a number is read although a text at the same place of the frame could not be',
    policies: () => ({
      'nowhere.yaml': tracingPolicy(
        'nowhere',
        `
        tracepoints:
        - subsystem: syscalls
          event: sys_enter_chdir
          args:
          - {index: 5, type: string}
          selectors:
          - matchBinaries:
            - {operator: In, values: ["${call}"]}
        - subsystem: syscalls
          event: sys_exit_chdir
          args:
          - {index: 5, type: int64}
          selectors:
          - matchBinaries:
            - {operator: In, values: ["${call}"]}`,
      ),
    }),
    async trigger(context) {
      const { stdout } = await context.must(['./call', 'chdir-nowhere', '5']);
      assert.equal(stdout, '-14\n');
    },
    expected: () => {
      const called = (event: string, value: Pattern) => ({
        process_tracepoint: { event, policy_name: 'nowhere', args: [value] },
      });
      return [
        times(5, called('sys_enter_chdir', { error_arg: { Message: 'Bad address for basic type' } })),
        times(5, called('sys_exit_chdir', { long_arg: '-14' })),
      ];
    },
  },
  {
    name: 'a raw tracepoint policy reads a linux_binprm',
    policies: () => ({
      'binprm.yaml': tracingPolicy(
        'binprm',
        `
        tracepoints:
        - subsystem: sched
          event: sched_process_exec
          raw: true
          args:
          - {index: 2, type: linux_binprm}
          selectors:
          - matchArgs:
            - {index: 2, operator: Postfix, values: ["/call"]}`,
      ),
    }),
    async trigger(context) {
      await context.must(['./call', 'getcpu-burst', '1']);
      await context.must(['./mark', 'other']);
    },
    expected: () => [
      once({
        process_tracepoint: {
          process: { binary: call },
          subsys: 'sched',
          event: 'sched_process_exec',
          policy_name: 'binprm',
          args: [{ linux_binprm_arg: { path: call, permission: '-rwxr-xr-x' } }],
        },
      }),
    ],
  },
];

function argumentPolicy(name: string, call: string, args: string, selectors = ''): string {
  return tracingPolicy(name, `kprobes:\n- call: ${call}\n  syscall: false\n  args:\n${args}${selectors}`);
}

const byBinary = `  selectors:\n  - matchBinaries:\n    - {operator: In, values: ["${call}"]}\n`;
const connect = triggerProgram('connect-loopback');

function kprobe(policy: string, args: readonly Pattern[]): Pattern {
  return { process_kprobe: { policy_name: policy, args } };
}

export const argumentTypeScenarios: readonly Scenario[] = [
  {
    name: 'arguments of the types dentry, path, filename, cred, socket and sockaddr are read',
    needs: ['fentry'],
    policies: ({ folder }) => ({
      'dentry.yaml': argumentPolicy(
        'dentry',
        'security_inode_unlink',
        '  - {index: 1, type: dentry}\n',
        '  selectors:\n  - matchArgs:\n    - {index: 1, operator: Postfix, values: ["/to-be-removed"]}\n',
      ),
      'path.yaml': argumentPolicy(
        'path',
        'security_inode_getattr',
        '  - {index: 0, type: path}\n',
        `  selectors:\n  - matchArgs:\n    - {index: 0, operator: Equal, values: ["${folder}/looked-at"]}\n`,
      ),
      'filename.yaml': argumentPolicy(
        'filename',
        'filename_lookup',
        '  - {index: 1, type: filename}\n',
        '  selectors:\n  - matchArgs:\n    - {index: 1, operator: Prefix, values: ["../there/as-"]}\n',
      ),
      'cred.yaml': argumentPolicy('cred', 'commit_creds', '  - {index: 0, type: cred}\n', byBinary),
      'connect.yaml': argumentPolicy(
        'connect',
        'security_socket_connect',
        '  - {index: 0, type: socket}\n  - {index: 1, type: sockaddr}\n  - {index: 2, type: int}\n',
        '  selectors:\n  - matchArgs:\n    - {index: 1, operator: SPort, values: ["7001", "7002"]}\n',
      ),
    }),
    async prepare(context) {
      context.file('to-be-removed', '');
      context.file('looked-at', '');
      context.file('there/as-written', '');
    },
    async trigger(context) {
      await context.must(['rm', '-f', context.path('to-be-removed')]);
      await context.must(['stat', context.path('looked-at')]);
      await context.must(['stat', '../there/as-written'], { cwd: context.path('there') });
      await context.must(['./call', 'setuid', '1234']);
      await context.must([connect, '4', '7001']);
      await context.must([connect, '6', '7002']);
      await context.must([connect, '4', '7003']);
    },
    expected: () => [
      once(kprobe('dentry', [(value: object) => JSON.stringify(value).includes('/to-be-removed')])),
      allowed({ process_kprobe: { policy_name: 'path' } }),
      allowed({ process_kprobe: { policy_name: 'filename' } }),
      once(kprobe('cred', [{ process_credentials_arg: { uid: 1234, euid: 1234, suid: 1234, fsuid: 1234, gid: 0 } }])),
      once(
        kprobe('connect', [
          { sock_arg: { family: 'AF_INET', type: 'SOCK_STREAM', protocol: 'IPPROTO_TCP' } },
          { sockaddr_arg: { family: 'AF_INET', addr: '127.0.0.1', port: 7001 } },
          { int_arg: 16 },
        ]),
      ),
      once(
        kprobe('connect', [
          { sock_arg: { family: 'AF_INET6' } },
          { sockaddr_arg: { family: 'AF_INET6', addr: '::1', port: 7002 } },
          { int_arg: 28 },
        ]),
      ),
    ],
    check(events, { path }) {
      const looked = events.filter((event) =>
        matches(event, kprobe('path', [{ path_arg: { path: path('looked-at') } }])),
      );
      assert.ok(looked.length > 0, 'stat was not seen by its path');
      const named = events.filter((event) =>
        matches(event, kprobe('filename', [{ string_arg: '../there/as-written' }])),
      );
      assert.ok(named.length > 0, 'stat was not seen by what it was given');
    },
  },
];
