import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../vm/repository-root.ts';
import type { AgentEvent } from '../harness/event-log.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const bpfDir = 'jatai-identities';
const timeoutMs = 30_000;

interface Shell {
  send(line: string): void;
  stdout(): string;
}

/** Executes a program for each line of its input, and says so. */
const loop = 'while read word && [ $word != end ]; do /bin/true $word; echo $word; done';

/** Two shells in that loop: one is the second program of its process, the other has lost its parent. */
async function startShells(context: ScenarioContext): Promise<Shell[]> {
  const second = await context.startReady(['/bin/sh', '-c', `exec /bin/sh -c 'echo ready; ${loop}'`]);
  const fifo = context.path('words');
  const orphan = await context.startReady([
    '/bin/sh',
    '-c',
    `mkfifo ${fifo}; exec 3<>${fifo}; (${loop}) <&3 & echo ready`,
  ]);
  return [
    { send: (line) => second.send(line), stdout: second.stdout },
    { send: (line) => writeFileSync(fifo, line), stdout: orphan.stdout },
  ];
}

async function execute(shell: Shell, word: string): Promise<void> {
  shell.send(`${word}\n`);
  for (const deadline = Date.now() + timeoutMs; !shell.stdout().includes(word); ) {
    assert.ok(Date.now() < deadline, `a shell does not answer: ${shell.stdout()}`);
    await sleep(10);
  }
}

/** What the events of the programs say of those above them. */
function family(events: readonly AgentEvent[], word: string): object[] {
  const found = events.flatMap(({ process_exec: exec }) => (exec?.process.arguments === word ? [exec] : []));
  return found.map(({ process, parent, ancestors }) => {
    const above = [parent, ...((ancestors as (typeof parent)[] | undefined) ?? [])];
    return {
      parent: process['parent_exec_id'],
      above: above.map((each) => [each?.exec_id, each?.['parent_exec_id'], each?.binary, each?.arguments]),
    };
  });
}

/** Runs agents one after the other and has the shells execute something under each. */
async function compareAgents(context: ScenarioContext, options: readonly string[]): Promise<void> {
  const args = ['--enable-ancestors', 'base', '--run-dir', context.path('run'), ...options];
  let shells: Shell[] = [];
  const families: object[][] = [];
  for (const turn of [0, 1, 2]) {
    const agent = await context.startAgent(args);
    if (turn === 0) shells = await startShells(context);
    for (const shell of shells) await execute(shell, `word${turn}`);
    assert.equal((await agent.process.stop()).status, 0, agent.process.stderr());
    families.push(family(agent.events.read(), `word${turn}`));
  }
  for (const shell of shells) shell.send('end\n');
  const [first, ...later] = families;
  assert.equal(first?.length, 2);
  for (const family of later) assert.deepEqual(family, first, 'processes changed their ids, or lost their ancestors');
}

export const identityScenarios: readonly Scenario[] = [
  {
    name: 'processes and their ancestors keep their exec_id when the agent is started again',
    agent: 'own',
    async trigger(context) {
      await compareAgents(context, []);
      assert.ok(existsSync(context.path('run', 'processes.json')));
    },
  },
  {
    name: 'processes and their ancestors keep their exec_id when the sensors go on without the agent',
    agent: 'own',
    needs: [{ kernel: [5, 15], for: 'pinning of tracepoints' }],
    async trigger(context) {
      try {
        await compareAgents(context, ['--keep-sensors-on-exit', '--bpf-dir', bpfDir]);
      } finally {
        execFileSync(path.join(repositoryRoot, 'bin/jatai'), ['cleanup', '--bpf-dir', bpfDir], { stdio: 'ignore' });
      }
    },
  },
];
