import { strict as assert } from 'node:assert';
import { EventLog } from '../harness/event-log.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const program = triggerProgram('short-processes');

interface Storm {
  readonly execs: number;
  readonly forks: number;
}

/** An emulated processor needs minutes for what a real one does in two seconds. */
function sizeOf({ isEmulated }: ScenarioContext): Storm {
  return isEmulated ? { execs: 500, forks: 1000 } : { execs: 20_000, forks: 60_000 };
}

async function makeStorm(context: ScenarioContext): Promise<void> {
  const { execs, forks } = sizeOf(context);
  const agent = await context.startAgent([]);
  const results = await Promise.all([
    context.must([program, 'exec', String(execs)]),
    context.must([program, 'fork', String(forks)]),
  ]);
  assert.equal((await agent.process.stop()).status, 0, agent.process.stderr());
  const counts = countEvents(agent.exportPath);
  const lost = lossesIn(agent.process.stderr());
  context.measured.push(...results.map(({ stdout }) => stdout.trim()), `lost: ${JSON.stringify(lost)}`);
  /* The two that start the others are executed and end too. */
  assert.equal(counts.exec + (lost['RING_FULL_EXEC'] ?? 0), execs + 2, 'executed programs');
  assert.equal(counts.exit + (lost['RING_FULL_EXIT'] ?? 0), execs + forks + 2, 'ended processes');
  assert.equal(counts.ids, counts.exit, 'two processes have the same id');
  assert.equal(counts.orphans, 0, 'processes without a parent');
}

/** Counts the events of the program: `ids` are different exec_ids of ended processes. */
function countEvents(path: string): Record<'exec' | 'exit' | 'ids' | 'orphans', number> {
  const log = new EventLog(path);
  const ids = new Set<string>();
  const counts = { exec: 0, exit: 0, orphans: 0 };
  for (let events = log.read(); events.length > 0; events = log.read()) {
    for (const { process_exec: exec, process_exit: exit } of events) {
      const body = exec ?? exit;
      if (body?.process.binary !== program) continue;
      if (exec !== undefined) counts.exec++;
      if (exit !== undefined) counts.exit++;
      if (exit !== undefined) ids.add(exit.process.exec_id);
      if (body.parent === undefined) counts.orphans++;
    }
  }
  log.close();
  return { ...counts, ids: ids.size };
}

/** What the agent's log says was dropped, by cause. */
function lossesIn(log: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const line of log.split('\n').filter((text) => text.startsWith('{') && text.includes('"lost"'))) {
    const { lost } = JSON.parse(line) as { lost: Record<string, number> };
    for (const [cause, count] of Object.entries(lost)) sums[cause] = (sums[cause] ?? 0) + count;
  }
  return sums;
}

export const processStormScenarios: readonly Scenario[] = [
  {
    name: 'of processes that end at once, by the thousands in a second, each is reported once or counted as lost',
    agent: 'own',
    trigger: makeStorm,
  },
];
