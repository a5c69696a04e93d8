import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentEvent } from '../harness/event-log.ts';
import type { Scenario } from '../harness/scenario.ts';

/** The agent looks at the clock once in a second. */
const noticedMs = 2500;
const hourSec = 3600;

function turnClock(seconds: number): void {
  execFileSync('date', ['-s', `@${Math.round(Date.now() / 1000) + seconds}`], { stdio: 'ignore' });
}

function eventOf(events: readonly AgentEvent[], kind: 'process_exec' | 'process_exit', word: string) {
  const found = events.filter((event) => event[kind]?.process.arguments?.includes(word));
  assert.equal(found.length, 1, `${kind} of ${word}`);
  return { time: Date.parse(found[0]!.time) / 1000, process: found[0]![kind]!.process };
}

export const clockScenarios: readonly Scenario[] = [
  {
    name: 'when the clock is set back, events have the time it shows then, and processes keep their exec_id',
    /* The clock of a machine that is used for something else is left alone. */
    onGuestOnly: true,
    async trigger(context) {
      const shell = await context.startReady(['/bin/sh', '-c', 'echo ready; read word', 'through']);
      await context.must(['/bin/true', 'before-step']);
      await sleep(noticedMs);
      turnClock(-hourSec);
      try {
        await sleep(noticedMs);
        await context.must(['/bin/true', 'after-step']);
        shell.endInput();
        await shell.done;
        await sleep(noticedMs);
      } finally {
        turnClock(hourSec);
      }
    },
    check(events) {
      const before = eventOf(events, 'process_exec', 'before-step');
      const after = eventOf(events, 'process_exec', 'after-step');
      const step = before.time - after.time;
      assert.ok(step > hourSec - 300 && step < hourSec, `the clock went back ${step} s`);
      const start = eventOf(events, 'process_exec', 'through');
      const end = eventOf(events, 'process_exit', 'through');
      assert.deepEqual(end.process, start.process);
      assert.ok(end.time < start.time);
    },
  },
];
