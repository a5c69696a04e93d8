import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../vm/repository-root.ts';
import { contains } from './contains.ts';
import type { PolicyTestStep } from './policy-test.ts';

export interface AgentStart {
  readonly policies: readonly string[];
  /** Where its events go as text; `ignore` by default. */
  readonly compactOutput?: 'inherit' | 'ignore';
  /** Told of every piece of its standard error. */
  readonly onStderr?: (text: string) => void;
  /** Milliseconds until it must be ready. */
  readonly timeoutMs?: number;
}

export interface StepResult {
  /** Parts of events that did not come. */
  readonly missing: readonly object[];
  /** Events that must not have come. */
  readonly unwanted: readonly object[];
  /** Status of the step's commands. */
  readonly status: number;
}

const pollMs = 100;

/** `bin/jatai run` as users start it, with its events as JSON at hand. */
export class RunningAgent {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'jatai-events-'));
  readonly #exportFile = path.join(this.#folder, 'events.json');
  readonly #child: ChildProcess;
  #stderr = '';

  private constructor({ policies, compactOutput = 'ignore', onStderr }: AgentStart) {
    const args = policies.flatMap((policy) => ['--policy', policy]);
    this.#child = spawn(
      path.join(repositoryRoot, 'bin/jatai'),
      ['run', ...args, '-o', 'compact', '--export', this.#exportFile],
      /* A session of its own: an interrupt typed at the terminal is not for it. */
      { cwd: repositoryRoot, stdio: ['ignore', compactOutput, 'pipe'], detached: true },
    );
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      onStderr?.(text);
    });
  }

  /** Resolves when every hook is live. Throws when the agent ends before, or takes too long. */
  static async start(options: AgentStart): Promise<RunningAgent> {
    const agent = new RunningAgent(options);
    const deadline = Date.now() + (options.timeoutMs ?? 120_000);
    while (!/^ready: /m.test(agent.#stderr)) {
      if (agent.#child.exitCode !== null) throw new Error(`the agent ended with status ${agent.#child.exitCode}: ${agent.#stderr}`);
      if (Date.now() > deadline) {
        await agent.stop();
        throw new Error(`the agent was not ready in time: ${agent.#stderr}`);
      }
      await sleep(pollMs);
    }
    return agent;
  }

  /** All it said on standard error: refusals, and the line that starts with `ready:`. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Events since the start, oldest first. */
  events(): object[] {
    const lines = readFileSync(this.#exportFile, 'utf8').split('\n');
    /* What stands behind the last newline is not complete yet. */
    return lines.slice(0, -1).map((line) => JSON.parse(line) as object);
  }

  /** Runs the commands of a step and waits until its events are there, or `timeoutMs` has passed. */
  async play(step: PolicyTestStep, timeoutMs = 30_000): Promise<StepResult> {
    const before = this.events().length;
    const child = spawn('bash', ['-c', step.run], { cwd: repositoryRoot, stdio: ['ignore', 'inherit', 'inherit'] });
    const [status] = (await once(child, 'exit')) as [number | null];
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const events = this.events().slice(before);
      const missing = step.events.filter((expected) => !events.some((event) => contains(event, expected)));
      if (missing.length === 0 || Date.now() > deadline) {
        const unwanted = events.filter((event) => step.unwanted.some((part) => contains(event, part)));
        return { missing, unwanted, status: status ?? 128 };
      }
      await sleep(pollMs);
    }
  }

  /** Ends the agent and forgets its events. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
