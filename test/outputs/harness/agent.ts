import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { getppidPolicy } from '../../kernel/harness/policy-text.ts';
import { repositoryRoot } from '../../vm/repository-root.ts';

/** An agent that reports calls of getppid to the outputs of a file, and serves its metrics. */
export class TestAgent {
  /** What it wrote to standard error. */
  messages = '';
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.#ended = new Promise((resolve) => child.once('exit', resolve));
    child.stderr!.on('data', (text) => {
      this.messages += text;
    });
    onTestFinished(() => void child.kill('SIGKILL'));
  }

  /** Resolves when it is ready; to why not, when it cannot run here. */
  static async start(folder: string, outputs: string, ...options: string[]): Promise<TestAgent | string> {
    // Of this test's own program: others on the machine may call the same.
    writeFileSync(join(folder, 'policy.yaml'), getppidPolicy('watch-getppid', callingProgram(folder)));
    writeFileSync(join(folder, 'outputs.yaml'), outputs);
    const files = ['--policy', join(folder, 'policy.yaml'), '--outputs', join(folder, 'outputs.yaml')];
    const more = ['--metrics-server', 'localhost:0', '--log-level', 'info', ...options];
    const child = spawn(join(repositoryRoot, 'bin/jatai'), ['run', ...files, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const agent = new TestAgent(child);
    await until(() => agent.messages.includes('ready: ') || child.exitCode !== null);
    return child.exitCode === null ? agent : agent.messages;
  }

  /** Ends it and waits until it has. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#ended;
  }

  /** Resolves to what an output has dropped when that has not changed for some seconds: the agent may be behind. */
  async finalDrops(output: string): Promise<number> {
    const read = async () => (await this.perOutput('jatai_output_dropped_events_total'))[`${output} buffer_full`]!;
    let drops = -1;
    await until(async () => {
      const before = drops;
      drops = await read();
      const isSettled = drops === before && (await this.perOutput('jatai_output_buffer_bytes'))[output]! < 100_000;
      if (!isSettled) await sleep(3000);
      return isSettled;
    }, 120_000);
    return drops;
  }

  /** Values of a metric by its label `output`, and by that and `reason` where it has one: `siem rejected`. */
  async perOutput(name: string): Promise<Record<string, number>> {
    const { address } = JSON.parse(this.messages.split('\n').find((line) => line.includes('"address"'))!);
    const text = await (await fetch(`http://${address}/metrics`)).text();
    const pattern = new RegExp(`^${name}\\{output="([^"]*)"(?:,reason="([^"]*)")?\\} (.*)$`, 'gm');
    const rows = [...text.matchAll(pattern)];
    return Object.fromEntries(
      rows.map(([, output, reason, value]) => [[output, reason].filter(Boolean).join(' '), Number(value)]),
    );
  }
}

/** Makes calls that the agent of the folder reports, about this many per second; returns the way to stop. */
export function makeCalls(folder: string, perSecond: number): () => Promise<void> {
  const script = `setInterval(() => { for (let n = 0; n < ${Math.ceil(perSecond / 100)}; n++) process.ppid; }, 10)`;
  const child = spawn(callingProgram(folder), ['-e', script], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

/** Node under a name that no other program has. */
function callingProgram(folder: string): string {
  const program = join(folder, 'caller');
  if (existsSync(program)) return program;
  try {
    linkSync(process.execPath, program);
  } catch {
    copyFileSync(process.execPath, program);
  }
  return program;
}

export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-outputs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function until(holds: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it does not come true');
    await sleep(50);
  }
}

/** Of an output that gets the same events as others: numbered, short, and all of them in its file. */
export function fileOutput(path: string): string {
  return `{name: file, type: file, path: ${path}, maxSize: 0, ${shortEvents}}`;
}

/** Keys of an output of numbered calls that are a hundred bytes long. */
export const shortEvents =
  'sequenceNumbers: true, fieldFilters: [{fields: process.pid}], allowList: [{event_set: [PROCESS_TRACEPOINT]}]';

/** How long a receiver is away, in milliseconds. A minute and more: OUTAGE_SECONDS=60. */
export const outageMs = 1000 * Number(process.env['OUTAGE_SECONDS'] ?? 5);
