import { pino } from 'pino';
import { collectFacts } from '../../../src/kernel/facts.ts';
import { startQuietAgent } from '../attack/switches.ts';
import { measureUpdates } from '../attack/updates.ts';
import type { Scenario } from '../harness/scenario.ts';

/** `test/kernel/update-runner.ts` makes more. */
const updates = { host: 70, emulated: 14 };

export const updateScenarios: readonly Scenario[] = [
  {
    name: 'after many updates the kernel holds as much memory as before',
    agent: 'own',
    async trigger(context) {
      const agent = startQuietAgent(collectFacts(), pino({ level: 'silent' }));
      try {
        const [count, memory] = context.isEmulated
          ? ([updates.emulated, 'machine'] as const)
          : ([updates.host, 'process'] as const);
        const result = await measureUpdates(agent, context.folder, count, memory);
        context.measured.push(`${result.updates} updates, median ms: ${JSON.stringify(result.medianMs)}`);
      } finally {
        agent.close();
      }
    },
  },
];
