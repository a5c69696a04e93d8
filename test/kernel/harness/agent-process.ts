import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../vm/repository-root.ts';

/** Long enough for an emulated kernel on a busy machine. */
const readyTimeoutMs = 240_000;
const stopTimeoutMs = 60_000;
const pollMs = 20;

const jataiRun = [path.join(repositoryRoot, 'bin/jatai'), 'run', '--watch-policies=false'];

/** A running `jatai run`, with its standard error in a file. */
export class AgentProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #stderrPath: string;
  readonly #ended: Promise<{ status: number; signal: string }>;
  #end: { status: number; signal: string } | undefined;

  /**
   * Starts the agent; `args` follow `jatai run`, or another command that behaves like it. Standard error is appended to
   * `stderrPath`.
   */
  constructor(args: readonly string[], stderrPath: string, command: readonly string[] = jataiRun) {
    this.#stderrPath = stderrPath;
    appendFileSync(stderrPath, '');
    const stderr = openSync(stderrPath, 'a');
    this.#child = spawn(command[0]!, [...command.slice(1), ...args], {
      stdio: ['ignore', 'ignore', stderr],
      env: process.env,
    });
    closeSync(stderr);
    this.pid = this.#child.pid ?? 0;
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', () => resolve({ status: 127, signal: '' }));
      this.#child.once('exit', (status, signal) => resolve({ status: status ?? -1, signal: signal ?? '' }));
    });
    void this.#ended.then((end) => {
      this.#end = end;
    });
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /** All the agent has written to standard error. */
  stderr(): string {
    return readFileSync(this.#stderrPath, 'utf8');
  }

  /** Waits for every hook to be live. Returns what was written until then. */
  async waitReady(): Promise<string> {
    await this.#waitFor(/^ready: .*\n/m, 0);
    return this.stderr();
  }

  /** Makes the agent read its policies again, and waits until they are live. Returns what it wrote meanwhile. */
  async reload(): Promise<string> {
    const before = this.stderr().length;
    this.#child.kill('SIGHUP');
    await this.#waitFor(/^reloaded: .*\n/m, before);
    return this.stderr().slice(before);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Interrupts the agent and waits for its end. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<{ status: number; signal: string }> {
    this.#child.kill(signal);
    const end = await Promise.race([this.#ended, sleep(stopTimeoutMs, undefined, { ref: false })]);
    if (end !== undefined) return end;
    this.#child.kill('SIGKILL');
    throw new Error(`the agent did not stop ${stopTimeoutMs / 1000} s after ${signal}; it wrote:\n${this.stderr()}`);
  }

  /** Waits for the agent's own end. */
  async waitEnd(timeoutMs = readyTimeoutMs): Promise<{ status: number; signal: string }> {
    const end = await Promise.race([this.#ended, sleep(timeoutMs, undefined, { ref: false })]);
    if (end === undefined) throw new Error(`the agent did not end by itself; it wrote:\n${this.stderr()}`);
    return end;
  }

  async #waitFor(line: RegExp, from: number): Promise<void> {
    const deadline = Date.now() + readyTimeoutMs;
    while (!line.test(this.stderr().slice(from))) {
      if (!this.running)
        throw new Error(
          `the agent ended with status ${this.#end?.status}${this.#end?.signal}; it wrote:\n${this.stderr()}`,
        );
      if (Date.now() > deadline) throw new Error(`no line ${line} from the agent in time; it wrote:\n${this.stderr()}`);
      await sleep(pollMs);
    }
  }
}
