import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { repositoryRoot } from '../../vm/repository-root.ts';

const policy = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: watch-getppid
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_getppid
`;

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
    writeFileSync(join(folder, 'policy.yaml'), policy);
    writeFileSync(join(folder, 'outputs.yaml'), outputs);
    const files = ['--policy', join(folder, 'policy.yaml'), '--outputs', join(folder, 'outputs.yaml')];
    const more = ['--metrics-server', 'localhost:0', '--log-level', 'info', ...options];
    /* What begins with JATAI_ sets an option of the agent. */
    const { JATAI_RECEIVER_STOP_SECONDS: _, ...env } = process.env;
    const child = spawn(join(repositoryRoot, 'bin/jatai'), ['run', ...files, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env,
    });
    const agent = new TestAgent(child);
    await until(() => agent.messages.includes('"address"') || child.exitCode !== null);
    return child.exitCode === null ? agent : agent.messages;
  }

  /** Ends it and waits until it has. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#ended;
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

/**
 * Makes calls of getppid from now on, about this many per second; returns the way to stop, which tells how many. `mark`
 * is in the arguments of the process.
 */
export function makeCalls(perSecond: number, mark = ''): () => Promise<{ pid: number; calls: number }> {
  const script = `/* ${mark} */
    let calls = 0;
    const timer = setInterval(() => { for (let n = 0; n < ${Math.ceil(perSecond / 100)}; n++, calls++) process.ppid; }, 10);
    process.on('SIGTERM', () => { clearInterval(timer); process.stdout.write(String(calls)); });
  `;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  return async () => {
    child.kill('SIGTERM');
    await ended;
    return { pid: child.pid!, calls: Number(text) };
  };
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

/** How long a receiver is away, in milliseconds. A minute and more: JATAI_RECEIVER_STOP_SECONDS=60. */
export const outageMs = 1000 * Number(process.env['JATAI_RECEIVER_STOP_SECONDS'] ?? 5);
