import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuNsOf } from '../../bench/harness/process-state.ts';
import { AgentProcess } from '../kernel/harness/agent-process.ts';
import { getppidPolicy } from '../kernel/harness/policy-text.ts';
import { repositoryRoot } from '../vm/repository-root.ts';
import { LineCount } from './line-count.ts';

export interface Flood {
  /** Of all loads together. */
  readonly eventsPerSecond: number;
  readonly seconds: number;
}

/** Where the events of a flood are. All are exact counts. */
export interface FloodResult {
  /** Events per second that the loads really made. */
  readonly rate: number;
  readonly made: number;
  /** Records that found no room in the kernel's ring, by cause. */
  readonly lostInKernel: Readonly<Record<string, number>>;
  readonly file: Received;
  readonly live: Received;
  /** Read nothing until the flood was over. */
  readonly asleep: Received;
  /** CPU time of the agent for each event, in microseconds. */
  readonly agentUs: number;
}

export interface Received {
  readonly events: number;
  /** Events that the output said are missing in it. */
  readonly told: number;
}

const loads = 2;
const loadProgram = join(repositoryRoot, 'build/programs/call-steadily');

/**
 * Runs an agent with a JSON file and two clients of the event stream, of which one never reads, lets two processes make
 * events, and counts. The file is rotated, and parts that were counted are deleted: a second has 200 MB. Throws when the
 * agent does not start.
 */
export async function runFlood({ eventsPerSecond, seconds }: Flood): Promise<FloodResult> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'jatai-flood-'));
  const children: ChildProcess[] = [];
  let agent: AgentProcess | undefined;
  try {
    agent = await startAgent(folder);
    const file = new LineCount(folder, 'events', '{"process_tracepoint":');
    const live = new StreamClient(folder, []);
    const asleep = new StreamClient(folder, ['asleep']);
    children.push(live.process, asleep.process);
    await Promise.all([live.connected, asleep.connected]);
    const agentNs = cpuNsOf(agent.pid);
    const counting = setInterval(() => file.countParts(), 100);
    const done = await Promise.all(Array.from({ length: loads }, () => runLoad(eventsPerSecond / loads, seconds)));
    clearInterval(counting);
    const made = done.reduce((sum, { calls }) => sum + calls, 0);
    asleep.process.kill('SIGUSR1');
    const lost = () => lostInKernel(agent!.stderr());
    const settled = () => {
      const expected = made - sumOf(lost());
      return [file.count(), live.received, asleep.received].every(({ events, told }) => events + told >= expected);
    };
    await untilSettled(settled, () => JSON.stringify([file.count(), live.received, asleep.received]));
    const elapsed = Math.max(...done.map(({ seconds: taken }) => taken));
    return {
      rate: made / elapsed,
      made,
      lostInKernel: lost(),
      file: file.count(),
      live: live.received,
      asleep: asleep.received,
      agentUs: (cpuNsOf(agent.pid) - agentNs) / 1000 / made,
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await agent?.stop();
    rmSync(folder, { recursive: true });
  }
}

export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

async function startAgent(folder: string): Promise<AgentProcess> {
  const policyFile = join(folder, 'policy.yaml');
  writeFileSync(policyFile, getppidPolicy('flood', loadProgram));
  const output = ['--output', 'none', '--export-filename', join(folder, 'events.json')];
  const rotation = ['--export-file-max-size-mb', '256', '--export-file-max-backups', '0'];
  const filter = ['--export-allowlist', '{"event_set":["PROCESS_TRACEPOINT"]}'];
  const server = ['--server-address', `unix://${join(folder, 'agent.sock')}`];
  const args = ['--policy', policyFile, ...output, ...rotation, ...filter, ...server];
  const agent = new AgentProcess(args, join(folder, 'agent.log'));
  await agent.waitReady();
  return agent;
}

interface LoadDone {
  readonly calls: number;
  readonly seconds: number;
}

async function runLoad(perSecond: number, seconds: number): Promise<LoadDone> {
  const load = spawn(loadProgram, [String(perSecond), String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  load.stdout.on('data', (piece) => {
    text += piece;
  });
  await new Promise((resolve) => load.once('close', resolve));
  return JSON.parse(text) as LoadDone;
}

/** A client in a process of its own. */
class StreamClient {
  readonly process: ChildProcess;
  readonly connected: Promise<void>;
  received: Received = { events: 0, told: 0 };

  constructor(folder: string, more: readonly string[]) {
    const script = join(import.meta.dirname, 'flood-client.ts');
    const args = ['--disable-warning=ExperimentalWarning', script, join(folder, 'agent.sock'), ...more];
    this.process = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(this.process.stdout!);
    lines.on('line', (line) => {
      this.received = JSON.parse(line) as Received;
    });
    this.connected = new Promise((resolve, reject) => {
      lines.once('line', () => resolve());
      this.process.once('exit', (status) => reject(new Error(`a client of the stream ended with ${status}`)));
    });
  }
}

/** Waits until all has come, or nothing more comes. */
async function untilSettled(settled: () => boolean, progress: () => string): Promise<void> {
  let last = '';
  for (let changedAt = performance.now(); performance.now() - changedAt < quietMs; ) {
    if (settled()) return;
    const now = progress();
    if (now !== last) changedAt = performance.now();
    last = now;
    await sleep(200);
  }
}

const quietMs = 25_000;

/** Sums of the hook records that the agent's log says the kernel had no room for. */
function lostInKernel(log: string): Record<string, number> {
  const losses: Record<string, number> = {};
  for (const line of log.split('\n')) {
    if (!line.includes('"lost"')) continue;
    for (const [cause, count] of Object.entries((JSON.parse(line) as { lost: Record<string, number> }).lost)) {
      if (kernelCauses.has(cause)) losses[cause] = (losses[cause] ?? 0) + count;
    }
  }
  return losses;
}

const kernelCauses: ReadonlySet<string> = new Set(['RING_FULL_HOOK', 'FRAME_EXHAUSTED', 'RECORD_OVERFLOW']);
