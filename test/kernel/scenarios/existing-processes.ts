import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { type RunningProgram, triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const opener = triggerProgram('open-repeatedly');
let running: RunningProgram | undefined;

/** Has to be the first scenario: its program is older than the agent that the scenarios share. */
export const existingProcessScenarios: readonly Scenario[] = [
  {
    name: 'a process older than the agent matches matchBinaries and has its parent in its events',
    async prepare(context) {
      context.file('opened', '');
      running = await context.startReady(['/bin/sh', '-c', `${opener} 0 ${context.path('opened')}; true`]);
    },
    policies: () => ({
      'old.yaml': tracingPolicy(
        'old',
        `
        kprobes:
        - call: sys_openat
          syscall: true
          args:
          - {index: 0, type: int}
          - {index: 1, type: string}
          selectors:
          - matchBinaries:
            - {operator: In, values: ["${opener}"]}
            matchArgs:
            - {index: 1, operator: Postfix, values: ["/opened"]}`,
      ),
    }),
    async trigger() {
      running?.endInput();
      await running?.done;
    },
    expected: ({ path }) => [
      once({
        process_kprobe: {
          process: { binary: opener, arguments: `0 ${path('opened')}`, flags: /^procFS/ },
          parent: { binary: /\/(da|ba)?sh$/, arguments: /^-c ".*open-repeatedly .*; true"$/ },
          policy_name: 'old',
        },
      }),
      once({ process_exit: { process: { binary: opener }, parent: { arguments: /^-c "/ } } }),
    ],
  },
];
