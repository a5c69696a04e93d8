import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const call = triggerProgram('call');
/** The agent looks for losses once in a second. */
const lossReportMs = 2500;

export const burstScenarios: readonly Scenario[] = [
  {
    name: 'a burst of events from two processes (100,000 on a real processor) is in the file, or counted as lost',
    policies: () => ({
      'burst.yaml': tracingPolicy(
        'burst',
        `
        kprobes:
        - call: sys_getcpu
          syscall: true
          args:
          - {index: 0, type: uint64}
          selectors:
          - matchBinaries:
            - {operator: In, values: ["${call}"]}`,
      ),
    }),
    async trigger(context) {
      const callsEach = callsOf(context);
      const start = Date.now();
      await Promise.all([1, 2].map(() => context.must(['./call', 'getcpu-burst', String(callsEach)])));
      context.notes.set('burst ms', Date.now() - start);
      await sleep(lossReportMs);
    },
    onlyCounted: ['burst'],
    check(_events, context) {
      const written = context.note('events of burst');
      const lost = lossesIn(context.agentStderr());
      context.measured.push(
        `${written} of ${2 * callsOf(context)} written, ${lost} counted as lost, burst of ${context.note('burst ms')} ms`,
      );
      assert.equal(written + lost, 2 * callsOf(context));
    },
  },
];

/** An emulated processor needs minutes for what a real one does in two seconds. */
function callsOf({ isEmulated }: ScenarioContext): number {
  return isEmulated ? 10_000 : 50_000;
}

/** Sum of what the agent's log says was dropped. */
function lossesIn(log: string): number {
  const lines = log.split('\n').filter((line) => line.startsWith('{') && line.includes('"lost"'));
  return lines
    .flatMap((line) => Object.values((JSON.parse(line) as { lost: Record<string, number> }).lost))
    .reduce((sum, count) => sum + count, 0);
}
