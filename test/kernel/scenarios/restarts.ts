import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../vm/repository-root.ts';
import { Attackers } from '../attack/attackers.ts';
import { elsewherePolicy, guardPolicy, makeGuardedFiles, neighbourPolicy } from '../attack/guarded-files.ts';
import { keptAgents, killAndRestart, killKeptAgents } from '../attack/kills.ts';
import { listBpfObjects, waitForBpfObjects } from '../harness/bpf-objects.ts';
import { type AgentEvent, EventLog } from '../harness/event-log.ts';
import { matches } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const bpfDir = 'jatai-scenario';

function cleanUp(): string {
  return execFileSync(path.join(repositoryRoot, 'bin/jatai'), ['cleanup', '--bpf-dir', bpfDir], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** A few kills; `test/kernel/kill-runner.ts` does many. */
const kills = 3;
const attackers = [1, 1, 1];

async function attackWhileAgentsDie(context: ScenarioContext): Promise<void> {
  const before = listBpfObjects();
  const files = makeGuardedFiles(context.folder);
  const writePolicies = (turn: number) =>
    context.writePolicies({
      'guard.yaml': guardPolicy(`guard-${turn}`, files, false),
      'neighbour.yaml': neighbourPolicy('neighbour', `/no/such/${turn}/`, 'enforce'),
      'elsewhere.yaml': elsewherePolicy(`elsewhere-${turn}`),
    });
  writePolicies(0);
  const startAgent = keptAgents(['--policy', context.policyFolder, '--bpf-dir', bpfDir], context.path('agent.log'));
  const start = performance.now();
  const first = startAgent();
  try {
    await first.waitReady();
    const startMs = performance.now() - start;
    const attack = await Attackers.start(attackers, files.attackPaths);
    try {
      const last = await killAndRestart(first, {
        start: startAgent,
        kills,
        startMs,
        changePolicies: writePolicies,
      });
      const { attempts, successes, others } = await attack.stop();
      context.measured.push(`${attempts} attempts, ${kills} kills`);
      assert.deepEqual({ successes, others }, { successes: 0, others: 0 });
      assert.equal((await last.stop()).status, 0);
    } finally {
      attack.kill();
    }
    assert.notEqual((await context.run(['cat', files.file])).status, 0, 'the policy ended with the agent');
  } finally {
    await killKeptAgents();
    cleanUp();
  }
  /* The kernel detaches some time after the last pin is gone. */
  await waitForBpfObjects(before);
  assert.equal((await context.run(['cat', files.file])).status, 0, 'the policy is in force after the clean-up');
}

function watchPolicy(context: ScenarioContext): string {
  return tracingPolicy(
    'watch',
    `kprobes:
- call: sys_openat
  syscall: true
  args:
  - {index: 1, type: string}
  selectors:
  - matchArgs:
    - {index: 1, operator: Prefix, values: ["${context.path('watched')}"]}`,
  );
}

const opensOf = (file: string) => ({ process_kprobe: { policy_name: 'watch', args: [{ string_arg: file }] } });

function execIdsOf(events: readonly AgentEvent[], pid: number): Set<unknown> {
  const ids = events.flatMap((event) => {
    const process = Object.values(event).find((body) => body?.process?.pid === pid)?.process;
    return process === undefined ? [] : [process.exec_id];
  });
  return new Set(ids);
}

async function reportWhatHappenedMeanwhile(context: ScenarioContext): Promise<void> {
  const before = listBpfObjects();
  const file = context.file('watched-file', '');
  context.writePolicies({ 'watch.yaml': watchPolicy(context) });
  const exports = ['first.jsonl', 'second.jsonl'].map((name) => context.path(name));
  const args = ['--policy', context.policyFolder, '--bpf-dir', bpfDir, '--export'];
  const start = (exportPath: string) => keptAgents([...args, exportPath], `${exportPath}.log`)();
  try {
    const first = start(exports[0]!);
    await first.waitReady();
    const opener = await context.startReady(['./open-repeatedly', '20000', file]);
    opener.send('go\n');
    await context.must(['cat', file]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await first.stop('SIGKILL');
    const { pid } = await context.must(['cat', file]);
    const second = start(exports[1]!);
    await second.waitReady();
    opener.endInput();
    const opened = Number((await opener.done).stdout.trim().split('\n').at(-1));
    assert.equal((await second.stop()).status, 0);
    const [earlier, later] = exports.map((file) => new EventLog(file).read()) as [AgentEvent[], AgentEvent[]];
    const ofPid = (event: AgentEvent, id: number) => matches(event, { process_kprobe: { process: { pid: id } } });
    const meanwhile = later.filter((event) => matches(event, opensOf(file)) && ofPid(event, pid));
    assert.equal(meanwhile.length, 1, 'the open between two agents was not reported once');
    const ids = [execIdsOf(earlier, opener.pid), execIdsOf(later, opener.pid)];
    assert.deepEqual([ids[0]!.size, ids[1]], [1, ids[0]], 'a process changed its identity');
    const reported = [...earlier, ...later].filter(
      (event) => matches(event, opensOf(file)) && ofPid(event, opener.pid),
    ).length;
    context.measured.push(`${reported} of ${opened} opens of a process that ran through were reported`);
    assert.ok(reported <= opened, `${opened} opens were reported ${reported} times`);
  } finally {
    await killKeptAgents();
    cleanUp();
  }
  await waitForBpfObjects(before);
}

async function refuseSecondAgent(context: ScenarioContext): Promise<void> {
  writeFileSync(path.join(context.policyFolder, 'watch.yaml'), watchPolicy(context));
  const start = keptAgents(['--bpf-dir', bpfDir], context.path('agent.log'));
  const first = start();
  try {
    await first.waitReady();
    const second = start();
    assert.equal((await second.waitEnd()).status, 1);
    assert.match(second.stderr(), /\/jatai-scenario belongs to another agent that is running/);
    assert.throws(cleanUp, /belongs to an agent that is running/);
    await first.stop();
  } finally {
    await killKeptAgents();
    assert.match(cleanUp(), /^removed .*\/base-[0-9a-f]+\/events$/m);
  }
  assert.equal(cleanUp(), 'nothing to remove\n');
}

export const restartScenarios: readonly Scenario[] = [
  {
    name: 'files stay forbidden while the agent is killed and started again',
    agent: 'own',
    needs: ['lsm'],
    trigger: attackWhileAgentsDie,
  },
  {
    name: 'what happens between two agents is reported by the second, and processes keep their exec_id',
    agent: 'own',
    needs: [{ kernel: [5, 15], for: 'pinning of tracepoints' }],
    trigger: reportWhatHappenedMeanwhile,
  },
  {
    name: 'a second agent on the folder of a living one is refused, and so is its clean-up',
    agent: 'own',
    trigger: refuseSecondAgent,
  },
];
