import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import type { Pattern } from '../harness/match.ts';
import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const call = triggerProgram('call');
const before = 'as it was\n';
/** After seven bytes were written over its beginning. */
const written = `changed${before.slice(7)}`;

/** `MAY_WRITE` is 2. */
function permissionPolicy(file: string, options = ''): string {
  return tracingPolicy(
    'kill-writer',
    `${options}kprobes:
- call: security_file_permission
  syscall: false
  args:
  - {index: 0, type: file}
  - {index: 1, type: int}
  selectors:
  - matchArgs:
    - {index: 0, operator: Equal, values: ["${file}"]}
    - {index: 1, operator: Mask, values: ["2"]}
    matchActions:
    - {action: Sigkill}`,
  );
}

function writePolicy(file: string, action: string, options = ''): string {
  return tracingPolicy(
    'kill-write',
    `${options}kprobes:
- call: sys_write
  syscall: true
  args:
  - {index: 0, type: fd}
  - {index: 2, type: size_t}
  selectors:
  - matchBinaries:
    - {operator: In, values: ["${call}"]}
    matchArgs:
    - {index: 0, operator: Equal, values: ["${file}"]}
    matchActions:
    - {action: ${action}}`,
  );
}

async function assertKilled(context: ScenarioContext, signal = 'SIGKILL'): Promise<void> {
  const writer = await context.run(['./call', 'write', context.path('kept'), 'changed']);
  assert.equal(writer.signal, signal);
  assert.equal(writer.stdout, '');
  assert.equal(readFileSync(context.path('kept'), 'utf8'), before);
  await context.must(['./call', 'write', context.path('other'), 'changed']);
  assert.equal(readFileSync(context.path('other'), 'utf8'), written);
}

async function prepare(context: ScenarioContext): Promise<void> {
  context.file('kept', before);
  context.file('other', before);
}

function killed(
  functionName: string,
  policy: string,
  args: readonly Pattern[],
  action = 'KPROBE_ACTION_SIGKILL',
): Pattern {
  return {
    process_kprobe: { process: { binary: call }, function_name: functionName, policy_name: policy, args, action },
  };
}

export const sigkillScenarios: readonly Scenario[] = [
  {
    name: 'Sigkill on security_file_permission stops the process before the write',
    needs: ['fentry'],
    prepare,
    policies: ({ path }) => ({ 'kill.yaml': permissionPolicy(path('kept')) }),
    async trigger(context) {
      await assertKilled(context);
      assert.equal((await context.must(['cat', context.path('kept')])).stdout, before);
    },
    expected: ({ path }) => [
      once(killed('security_file_permission', 'kill-writer', [{ file_arg: { path: path('kept') } }, { int_arg: 2 }])),
      once({ process_exit: { process: { binary: call }, signal: 'SIGKILL' } }),
    ],
  },
  {
    name: 'Sigkill on sys_write, told by its descriptor, stops the process before the write',
    prepare,
    policies: ({ path }) => ({ 'kill.yaml': writePolicy(path('kept'), 'Sigkill') }),
    trigger: (context) => assertKilled(context),
    expected: ({ path }) => [
      once(killed('__x64_sys_write', 'kill-write', [{ file_arg: { path: path('kept') } }, { size_arg: '7' }])),
      once({ process_exit: { process: { binary: call }, signal: 'SIGKILL' } }),
    ],
  },
  {
    name: 'Signal sends the signal it names',
    prepare,
    policies: ({ path }) => ({ 'signal.yaml': writePolicy(path('kept'), 'Signal, argSig: 10') }),
    async trigger(context) {
      const writer = await context.run(['./call', 'write', context.path('kept'), 'changed']);
      assert.equal(writer.signal, 'SIGUSR1');
    },
    expected: () => [
      once({ process_kprobe: { policy_name: 'kill-write', action: 'KPROBE_ACTION_SIGNAL' } }),
      once({ process_exit: { process: { binary: call }, signal: 'SIGUSR1' } }),
    ],
  },
  {
    name: 'monitor mode kills nobody and says what it would have done',
    prepare,
    policies: ({ path }) => ({
      'monitor.yaml': writePolicy(path('kept'), 'Sigkill', 'options:\n- {name: policy-mode, value: monitor}\n'),
    }),
    async trigger(context) {
      await context.must(['./call', 'write', context.path('kept'), 'changed']);
      assert.equal(
        readFileSync(context.path('kept'), 'utf8'),
        'changed'.padEnd(before.length - 1, before.slice(7, -1)).concat('\n'),
      );
    },
    expected: () => [
      once({
        process_kprobe: {
          policy_name: 'kill-write',
          action: 'KPROBE_ACTION_POST',
          monitor_action: 'KPROBE_ACTION_SIGKILL',
        },
      }),
    ],
  },
  {
    name: '--mode monitor makes enforcing policies watch only',
    agent: 'own',
    onHostOnly: true,
    async trigger(context) {
      await prepare(context);
      context.writePolicies({ 'kill.yaml': writePolicy(context.path('kept'), 'Sigkill') });
      const agent = await context.startAgent(['--policy', context.policyFolder, '--mode', 'monitor']);
      await context.must(['./call', 'write', context.path('kept'), 'changed']);
      assert.equal((await agent.process.stop()).status, 0);
      const events = agent.events.read().flatMap(({ process_kprobe }) => process_kprobe ?? []);
      assert.deepEqual(
        events.map((event) => [event['action'], event['monitor_action']]),
        [['KPROBE_ACTION_POST', 'KPROBE_ACTION_SIGKILL']],
      );
    },
  },
];
