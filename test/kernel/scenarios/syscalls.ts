import { mkdirSync } from 'node:fs';
import type { Pattern } from '../harness/match.ts';
import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const policy = (binary: string, folder: string) =>
  tracingPolicy(
    'calls',
    `
    kprobes:
    - call: sys_openat
      syscall: true
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 0, type: int}
      - {index: 1, type: string}
      - {index: 2, type: int}
      selectors:
      - matchBinaries:
        - {operator: In, values: ["${binary}"]}
        matchArgs:
        - {index: 1, operator: Prefix, values: ["${folder}/"]}
    - call: sys_setuid
      syscall: true
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 0, type: int}
      selectors:
      - matchBinaries:
        - {operator: In, values: ["${binary}"]}
    - call: sys_ptrace
      syscall: true
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 0, type: int}
      - {index: 1, type: int64}
      selectors:
      - matchBinaries:
        - {operator: In, values: ["${binary}"]}
    - call: sys_mount
      syscall: true
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 0, type: string}
      - {index: 1, type: string}
      - {index: 2, type: string}
      selectors:
      - matchBinaries:
        - {operator: In, values: ["${binary}"]}`,
  );

const call = triggerProgram('call');

/** On kernels without kprobes the tracepoint of the call is used, whose events name the same function. */
function called(name: string, args: readonly Pattern[], returned: number, uid = 0): Pattern {
  return {
    process_kprobe: {
      process: { binary: call, uid },
      function_name: `__x64_sys_${name}`,
      policy_name: 'calls',
      args,
      return: { int_arg: returned },
    },
  };
}

const errors = { EPERM: -1, ENOENT: -2, ESRCH: -3, ENODEV: -19 } as const;

export const syscallScenarios: readonly Scenario[] = [
  {
    name: 'sys_openat, sys_setuid, sys_ptrace and sys_mount report arguments and return values',
    policies: ({ folder }) => ({ 'calls.yaml': policy(call, folder) }),
    async prepare(context) {
      context.file('there', 'content');
      mkdirSync(context.path('mount-point'));
    },
    async trigger(context) {
      await context.must(['./call', 'openat', context.path('there'), '2048']);
      await context.must(['./call', 'openat', context.path('not-there'), '0']);
      await context.must(['./call', 'openat', '/etc/passwd', '0']);
      await context.must(['./call', 'setuid', '0']);
      await context.must(['./call', 'setuid', '4000000000']);
      await context.must(['./call', 'setuid', '0'], { uid: 1000 });
      await context.must(['./call', 'ptrace', '0', '0']);
      await context.must(['./call', 'ptrace', '16', '2147483646']);
      await context.must(['./call', 'mount', 'nothing', context.path('mount-point'), 'tmpfs']);
      await context.must(['umount', context.path('mount-point')]);
      await context.must(['./call', 'mount', 'nothing', context.path('mount-point'), 'no-such-type']);
    },
    expected: ({ path }) => [
      once(called('openat', [{ int_arg: -100 }, { string_arg: path('there') }, { int_arg: 2048 }], 3)),
      once(called('openat', [{ int_arg: -100 }, { string_arg: path('not-there') }, { int_arg: 0 }], errors.ENOENT)),
      once(called('setuid', [{ int_arg: 0 }], 0)),
      once(called('setuid', [{ int_arg: -294967296 }], 0)),
      once(called('setuid', [{ int_arg: 0 }], errors.EPERM, 1000)),
      once(called('ptrace', [{ int_arg: 0 }, { long_arg: '0' }], 0)),
      once(called('ptrace', [{ int_arg: 16 }, { long_arg: '2147483646' }], errors.ESRCH)),
      once(
        called('mount', [{ string_arg: 'nothing' }, { string_arg: path('mount-point') }, { string_arg: 'tmpfs' }], 0),
      ),
      once(
        called(
          'mount',
          [{ string_arg: 'nothing' }, { string_arg: path('mount-point') }, { string_arg: 'no-such-type' }],
          errors.ENODEV,
        ),
      ),
    ],
  },
];
