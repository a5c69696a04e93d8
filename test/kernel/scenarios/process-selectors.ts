import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { type RunningProgram, triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const call = triggerProgram('call');
let watched: RunningProgram | undefined;
let other: RunningProgram | undefined;

function openPolicy(name: string, selector: string): string {
  return tracingPolicy(
    name,
    `kprobes:
- call: sys_openat
  syscall: true
  return: true
  returnArg: {index: 0, type: int}
  args:
  - {index: 0, type: int}
  - {index: 1, type: string}
  selectors:
${selector}`,
  );
}

const openOf = (folder: string) => `    matchArgs:
    - {index: 1, operator: Prefix, values: ["${folder}/"]}`;

export const processSelectorScenarios: readonly Scenario[] = [
  {
    name: 'matchPIDs tells one process from another of the same program',
    async prepare(context) {
      context.file('opened', '');
      watched = await context.startReady(['./open-repeatedly', '0', context.path('opened')]);
      other = await context.startReady(['./open-repeatedly', '0', context.path('opened')]);
      context.notes.set('pid', watched.pid);
      context.notes.set('other', other.pid);
    },
    policies: (context) => ({
      'in.yaml': openPolicy(
        'pid-in',
        `  - matchPIDs:\n    - {operator: In, values: [${context.note('pid')}]}\n${openOf(context.folder)}`,
      ),
      'not-in.yaml': openPolicy(
        'pid-not-in',
        `  - matchPIDs:\n    - {operator: NotIn, values: [${context.note('pid')}, ${process.pid}]}\n${openOf(context.folder)}`,
      ),
    }),
    async trigger() {
      for (const program of [watched, other]) {
        program?.endInput();
        await program?.done;
      }
    },
    expected: (context) => [
      once({ process_kprobe: { policy_name: 'pid-in', process: { pid: context.note('pid') } } }),
      once({ process_kprobe: { policy_name: 'pid-not-in', process: { pid: context.note('other') } } }),
    ],
  },
  {
    name: 'matchNamespaces tells processes in another namespace, and isNamespacePID counts as they do',
    policies: ({ folder }) => ({
      'uts.yaml': openPolicy(
        'uts',
        `  - matchNamespaces:\n    - {namespace: Uts, operator: NotIn, values: ["host_ns"]}\n${openOf(folder)}`,
      ),
      'net.yaml': openPolicy(
        'net',
        `  - matchNamespaces:\n    - {namespace: Net, operator: In, values: ["host_ns"]}\n    matchBinaries:\n    - {operator: In, values: ["${call}"]}\n${openOf(folder)}`,
      ),
      'pid.yaml': openPolicy(
        'pid',
        `  - matchPIDs:\n    - {operator: In, values: [1], isNamespacePID: true}\n${openOf(folder)}`,
      ),
    }),
    async trigger(context) {
      context.file('opened', '');
      const open = (name: string) => [call, 'openat', context.path(name), '0'];
      await context.must(open('host'));
      await context.must(['unshare', '--uts', ...open('uts')]);
      await context.must(['unshare', '--net', ...open('net')]);
      await context.must(['unshare', '--pid', '--fork', ...open('pid')]);
    },
    expected: ({ path }) => {
      const event = (policy: string, name: string) =>
        once({ process_kprobe: { policy_name: policy, args: [{ int_arg: -100 }, { string_arg: path(name) }] } });
      return [event('uts', 'uts'), event('net', 'host'), event('net', 'uts'), event('net', 'pid'), event('pid', 'pid')];
    },
  },
  {
    name: 'matchCapabilities compares what the process may do at that moment',
    policies: ({ folder }) => ({
      'has.yaml': openPolicy(
        'may-admin',
        `  - matchCapabilities:\n    - {type: Effective, operator: In, values: [CAP_SYS_ADMIN, CAP_NET_ADMIN]}\n    matchBinaries:\n    - {operator: In, values: ["${call}"]}\n${openOf(folder)}`,
      ),
      'has-not.yaml': openPolicy(
        'may-not-chown',
        `  - matchCapabilities:\n    - {type: Permitted, operator: NotIn, values: [CAP_CHOWN]}\n    matchBinaries:\n    - {operator: In, values: ["${call}"]}\n${openOf(folder)}`,
      ),
    }),
    async trigger(context) {
      const open = (name: string) => [call, 'openat', context.path(name), '0'];
      await context.must(open('root'));
      await context.must([
        'setpriv',
        '--reuid',
        '1000',
        '--clear-groups',
        '--inh-caps=-all',
        '--bounding-set=-all',
        ...open('nobody'),
      ]);
      await context.must(['setpriv', '--bounding-set=-all,+net_admin', '--inh-caps=-all', ...open('network')]);
    },
    expected: ({ path }) => {
      const event = (policy: string, name: string) =>
        once({ process_kprobe: { policy_name: policy, args: [{ int_arg: -100 }, { string_arg: path(name) }] } });
      return [
        event('may-admin', 'root'),
        event('may-admin', 'network'),
        event('may-not-chown', 'nobody'),
        event('may-not-chown', 'network'),
      ];
    },
  },
  {
    name: 'matchReturnArgs reports only calls that returned so',
    policies: ({ folder }) => ({
      'missing.yaml': openPolicy(
        'missing',
        `  - matchReturnArgs:\n    - {operator: Equal, values: ["-2"]}\n    matchBinaries:\n    - {operator: In, values: ["${call}"]}\n${openOf(folder)}`,
      ),
      'failed.yaml': openPolicy(
        'failed',
        `  - matchReturnArgs:\n    - {operator: LT, values: ["0"]}\n    matchBinaries:\n    - {operator: In, values: ["${call}"]}\n${openOf(folder)}`,
      ),
    }),
    async trigger(context) {
      context.file('there', '');
      await context.must(['./call', 'openat', context.path('there'), '0']);
      await context.must(['./call', 'openat', context.path('not-there'), '0']);
      await context.must(['./call', 'openat', context.path('there/below'), '0']);
    },
    expected: ({ path }) => {
      const event = (policy: string, name: string, returned: number) =>
        once({
          process_kprobe: {
            policy_name: policy,
            args: [{ int_arg: -100 }, { string_arg: path(name) }],
            return: { int_arg: returned },
          },
        });
      return [event('missing', 'not-there', -2), event('failed', 'not-there', -2), event('failed', 'there/below', -20)];
    },
  },
];
