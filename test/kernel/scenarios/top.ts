import { strict as assert } from 'node:assert';
import { closeSync, existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readHooksFile } from '../../../src/agent/hooks-file.ts';
import type { Activity } from '../../../src/cost/activity.ts';
import { openProgram, programStats } from '../../../src/kernel/program-stats.ts';
import { repositoryRoot } from '../../vm/repository-root.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const jatai = path.join(repositoryRoot, 'bin/jatai');

const opens = (name: string, prefix: string) =>
  tracingPolicy(
    name,
    `kprobes:
- call: sys_openat
  syscall: true
  args:
  - {index: 1, type: string}
  selectors:
  - matchArgs:
    - {index: 1, operator: Prefix, values: ["${prefix}"]}`,
  );

async function readTop(context: ScenarioContext, intervalMs: number): Promise<Activity> {
  const options = ['--run-dir', context.path('run'), '--interval', `${intervalMs}ms`, '--count', '1', '-o', 'json'];
  const { stdout } = await context.must([jatai, 'top', ...options]);
  return JSON.parse(stdout) as Activity;
}

/** Killed in whatever way, `top` leaves nothing switched on. */
async function checkMeasuringEnds(context: ScenarioContext): Promise<void> {
  const { hooks } = readHooksFile(context.path('run', 'hooks.json'));
  const fd = openProgram(hooks[0]!.programId)!;
  const top = context.start([jatai, 'top', '--run-dir', context.path('run'), '--interval', '1h']);
  await waitForGrowth(fd);
  top.kill('SIGKILL');
  await top.done;
  const before = programStats(fd).runCount;
  await sleep(1000);
  assert.equal(programStats(fd).runCount, before, 'the kernel still measures programs');
  closeSync(fd);
}

async function waitForGrowth(fd: number): Promise<void> {
  const before = programStats(fd).runCount;
  for (const deadline = Date.now() + 60_000; programStats(fd).runCount === before; await sleep(50)) {
    assert.ok(Date.now() < deadline, 'the kernel does not measure programs');
  }
}

export const topScenarios: readonly Scenario[] = [
  {
    name: 'top shows the calls and the cost of the hooks of an agent, of each policy and of the sensors, across a reload',
    agent: 'own',
    async trigger(context) {
      context.writePolicies({ 'a.yaml': opens('first', '/srv/a/') });
      const agent = await context.startAgent(['--policy', context.policyFolder, '--run-dir', context.path('run')]);
      const opener = await context.startReady(['./open-repeatedly', '2000', '/etc/passwd']);
      opener.send('go\n');
      const intervalMs = context.isEmulated ? 3000 : 1000;
      const alone = await readTop(context, intervalMs);
      const [hook] = alone.hooks;
      assert.match(hook!.name, /sys_openat$/);
      assert.ok(
        hook!.callsPerSecond > 10,
        `${hook!.callsPerSecond} calls a second of a program that opens all the time`,
      );
      assert.ok(hook!.nsPerCall > 0 && hook!.share > 0);
      assert.deepEqual(
        alone.policies.map(({ name }) => name),
        ['first'],
      );
      assert.equal(alone.sensors.length, 3);
      context.writePolicies({ 'a.yaml': opens('first', '/srv/a/'), 'b.yaml': opens('second', '/srv/b/') });
      await agent.process.reload();
      const both = await readTop(context, intervalMs);
      assert.deepEqual(both.policies.map(({ name }) => name).sort(), ['first', 'second']);
      const parts = both.policies.reduce((sum, { share }) => sum + share, 0);
      const whole = both.hooks.reduce((sum, { share }) => sum + share, 0);
      assert.ok(Math.abs(parts - whole) < whole / 1000, 'the shares of the policies are not those of the hooks');
      context.measured.push(`${hook!.name}: ${hook!.nsPerCall.toFixed(0)} ns a call`);
      /* Natively, somebody else may measure too. */
      if (context.isEmulated) await checkMeasuringEnds(context);
      await agent.process.stop();
      assert.ok(!existsSync(context.path('run', 'hooks.json')), 'the agent left its file');
    },
  },
  {
    name: 'top says that an agent was killed, and follows the next one',
    agent: 'own',
    onHostOnly: true,
    async trigger(context) {
      context.writePolicies({ 'a.yaml': opens('first', '/srv/a/') });
      const options = ['--policy', context.policyFolder, '--run-dir', context.path('run')];
      const agent = await context.startAgent(options);
      const { pid } = agent.process;
      agent.process.kill('SIGKILL');
      await agent.process.waitEnd();
      const stale = await context.run([jatai, 'top', '--run-dir', context.path('run')]);
      assert.equal(stale.status, 1);
      assert.match(stale.stderr, new RegExp(`pid ${pid}, has ended without removing it`));
      await context.startAgent(options);
      const { hooks } = await readTop(context, 500);
      assert.equal(hooks.length, 1);
    },
  },
];
