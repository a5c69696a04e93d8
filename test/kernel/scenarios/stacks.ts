import { once, times } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import type { Scenario } from '../harness/scenario.ts';

interface Entry {
  readonly address?: string;
  readonly symbol?: string;
  readonly module?: string;
}

const isKernelStack = (entries: readonly Entry[]): boolean =>
  entries[0]?.symbol === 'security_file_open' &&
  entries.some(({ symbol = '' }) => symbol.includes('openat')) &&
  entries.every(({ address }) => address === undefined);

const isUserStack = (entries: readonly Entry[]): boolean =>
  entries.some(({ module = '' }) => /\/libc\.so|\/libc-/.test(module));

export const stackScenarios: readonly Scenario[] = [
  {
    name: 'an event shows the functions that led to the hook, by name',
    needs: ['fentry'],
    policies: ({ path }) => ({
      'stacks.yaml': tracingPolicy(
        'stacks',
        `
        kprobes:
        - call: security_file_open
          syscall: false
          args: [{index: 0, type: file}]
          selectors:
          - matchArgs: [{index: 0, operator: Equal, values: ["${path('shown')}"]}]
            matchActions: [{action: Post, kernelStackTrace: true, userStackTrace: true}]
          - matchArgs: [{index: 0, operator: Equal, values: ["${path('plain')}"]}]`,
      ),
    }),
    async trigger(context) {
      context.file('shown', 'x');
      context.file('plain', 'x');
      /* Its libraries can be named while it is there. */
      const opens = ['shown', 'plain', 'shown'].map((name) => `: < ${context.path(name)}`);
      await context.must(['/bin/sh', '-c', `${opens.join('; ')}; sleep 10`]);
    },
    expected: ({ path }) => [
      times(2, {
        process_kprobe: {
          process: { arguments: /sleep 10/ },
          policy_name: 'stacks',
          args: [{ file_arg: { path: path('shown'), permission: '-rw-r--r--' } }],
          kernel_stack_trace: isKernelStack,
          user_stack_trace: isUserStack,
        },
      }),
      once({
        process_kprobe: {
          process: { arguments: /sleep 10/ },
          policy_name: 'stacks',
          args: [{ file_arg: { path: path('plain'), permission: '-rw-r--r--' } }],
          kernel_stack_trace: undefined,
        },
      }),
    ],
  },
];
