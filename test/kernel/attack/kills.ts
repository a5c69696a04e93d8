import { strict as assert } from 'node:assert';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess } from '../harness/agent-process.ts';

export interface KillOptions {
  /** Starts an agent with --keep-sensors-on-exit. */
  readonly start: () => AgentProcess;
  readonly kills: number;
  /** How long a start takes here, about. */
  readonly startMs: number;
  /** Changes the policies that an agent reads at its start and at SIGHUP. */
  readonly changePolicies: (turn: number) => void;
  readonly onKill?: (moment: string) => void;
}

type Moment = (agent: AgentProcess, options: KillOptions, turn: number) => Promise<void>;

/** In the order in which they come round: more often than not the agent is in the middle of its start. */
const moments: readonly (readonly [name: string, wait: Moment])[] = [
  ['while it starts', (_agent, { startMs }) => sleep(Math.random() * startMs)],
  ['late in its start', (_agent, { startMs }) => sleep((0.6 + 0.6 * Math.random()) * startMs)],
  [
    'when it is ready',
    async (agent, { startMs }) => {
      await agent.waitReady();
      await sleep(Math.random() * startMs * 0.1);
    },
  ],
  [
    'while it changes policies',
    async (agent, { changePolicies, startMs }, turn) => {
      await agent.waitReady();
      changePolicies(turn);
      agent.kill('SIGHUP');
      await sleep(Math.random() * startMs * 0.2);
    },
  ],
];

/**
 * Kills the running agent and starts another, again and again, each killed at another moment. Returns the last one, which
 * is ready.
 */
export async function killAndRestart(first: AgentProcess, options: KillOptions): Promise<AgentProcess> {
  let agent = first;
  await agent.stop('SIGKILL');
  options.onKill?.('killed when it is ready');
  for (let turn = 1; turn < options.kills; turn++) {
    const [name, wait] = moments[turn % moments.length]!;
    agent = options.start();
    await wait(agent, options, turn);
    assert.ok(agent.running, `the agent ended by itself:\n${agent.stderr()}`);
    await agent.stop('SIGKILL');
    options.onKill?.(`killed ${name}`);
  }
  agent = options.start();
  await agent.waitReady();
  return agent;
}

const started: AgentProcess[] = [];

/** Ends what `keptAgents` started and what still runs. */
export async function killKeptAgents(): Promise<void> {
  for (const agent of started.splice(0)) if (agent.running) await agent.stop('SIGKILL');
}

/** Starts agents whose sensors outlive them. Each has a log of its own: the words of an earlier one are not taken for its own. */
export function keptAgents(args: readonly string[], logPath: string): () => AgentProcess {
  let count = 0;
  return () => {
    const agent = new AgentProcess(['--keep-sensors-on-exit', '-o', 'none', ...args], `${logPath}-${count++}`);
    started.push(agent);
    /* Attackers would leave it no time. */
    setPriority(agent.pid, constants.priority.PRIORITY_HIGHEST);
    return agent;
  };
}
