import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../test/vm/repository-root.ts';

const shownStderr = 3000;

/** How long a step of the agent may take on the guest's clock before it counts as failed. */
const readyTimeoutMs = 300_000;

/** A running `jatai run` whose standard error is watched line by line, with the moment each line came. */
export class Agent {
  readonly pid: number;
  readonly #startNs = process.hrtime.bigint();
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #stderr = '';
  #status: string | undefined;
  #wake: () => void = () => {};

  /** Starts the agent; `args` follow `jatai run`. */
  constructor(args: readonly string[]) {
    this.#child = spawn(path.join(repositoryRoot, 'bin/jatai'), ['run', '--watch-policies=false', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(this.#end(error.message)));
      this.#child.once('exit', (status, signal) => resolve(this.#end(signal ?? `status ${status}`)));
    });
  }

  /** Starts the agent and waits for its `ready:` line. */
  static async start(args: readonly string[]): Promise<Agent> {
    const agent = new Agent(args);
    await agent.ready();
    return agent;
  }

  get running(): boolean {
    return this.#status === undefined;
  }

  /** Waits for the `ready:` line. Returns the seconds since the start. */
  async ready(): Promise<number> {
    await this.#line(/^ready: .*$/m, 0);
    return Number(process.hrtime.bigint() - this.#startNs) / 1e9;
  }

  /** Makes the agent read its policies again. Returns the seconds until they were live. Throws when one was refused. */
  async reload(): Promise<number> {
    const from = this.#stderr.length;
    const start = process.hrtime.bigint();
    this.#child.kill('SIGHUP');
    const line = await this.#line(/^reloaded: .*$/m, from);
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    if (!/ 0 refused$/.test(line)) throw new Error(`the agent refused policies: ${line}\n${this.#said(from)}`);
    return seconds;
  }

  /** Runs `work` while the agent is stopped, so that none of its own work is counted. */
  async whileStopped<T>(work: () => Promise<T>): Promise<T> {
    this.#child.kill('SIGSTOP');
    try {
      return await work();
    } finally {
      this.#child.kill('SIGCONT');
    }
  }

  /** The end of what the agent wrote. */
  stderr(): string {
    return this.#said(0);
  }

  /** What the agent's log says was lost so far, by cause. */
  losses(): Record<string, number> {
    const lost: Record<string, number> = {};
    for (const line of this.#stderr.split('\n').filter((text) => text.startsWith('{') && text.includes('"lost"'))) {
      const counts = (JSON.parse(line) as { lost: Record<string, number> }).lost;
      for (const [cause, count] of Object.entries(counts)) lost[cause] = (lost[cause] ?? 0) + count;
    }
    return lost;
  }

  /** Interrupts the agent and waits for its end; kills it when it does not come. */
  async stop(): Promise<void> {
    this.#child.kill('SIGINT');
    await Promise.race([this.#ended, sleep(readyTimeoutMs, undefined, { ref: false })]);
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #end(how: string): void {
    this.#status = how;
    this.#wake();
  }

  #said(from: number): string {
    return this.#stderr.slice(from).trim().slice(-shownStderr);
  }

  async #line(pattern: RegExp, from: number): Promise<string> {
    const deadline = performance.now() + readyTimeoutMs;
    for (;;) {
      const found = pattern.exec(this.#stderr.slice(from))?.[0];
      if (found !== undefined) return found;
      if (!this.running) throw new Error(`the agent ended (${this.#status}); it wrote:\n${this.#said(0)}`);
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        this.#child.kill('SIGKILL');
        throw new Error(
          `no line ${pattern} after ${readyTimeoutMs / 1000} s of the guest's time; it wrote:\n${this.#said(0)}`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await Promise.race([promise, sleep(leftMs, undefined, { ref: false })]);
    }
  }
}
