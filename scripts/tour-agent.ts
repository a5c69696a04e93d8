import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { matches, type Pattern } from '../test/kernel/harness/match.ts';
import type { PolicyTestStep } from '../test/policies/policy-test.ts';
import { repositoryRoot } from '../test/vm/repository-root.ts';

export interface StepResult {
  /** Parts of events that did not come. */
  readonly missing: readonly Pattern[];
  /** Events that must not have come. */
  readonly unwanted: readonly object[];
  /** Status of the step's commands. */
  readonly status: number;
}

/** Long enough for an emulated kernel on a busy machine. */
const readyTimeoutMs = 240_000;
const eventTimeoutMs = 30_000;
const pollMs = 100;

/** `jatai run` as users start it, with its events as text on our standard output, and as JSON at hand. */
export class TourAgent {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'jatai-tour-'));
  readonly #exportFile = path.join(this.#folder, 'events.json');
  readonly #child: ChildProcess;
  #stderr = '';

  private constructor(policies: readonly string[]) {
    const args = ['run', ...policies.flatMap((policy) => ['--policy', policy]), '-o', 'compact'];
    this.#child = spawn(path.join(repositoryRoot, 'bin/jatai'), [...args, '--export', this.#exportFile], {
      cwd: repositoryRoot,
      stdio: ['ignore', 'inherit', 'pipe'],
      /* A session of its own: an interrupt typed at the terminal is not for it. */
      detached: true,
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      process.stderr.write(text);
    });
  }

  /** Resolves when every hook is live. Throws when the agent ends before, or takes too long. */
  static async start(policies: readonly string[]): Promise<TourAgent> {
    const agent = new TourAgent(policies);
    const deadline = Date.now() + readyTimeoutMs;
    while (!/^ready: /m.test(agent.#stderr)) {
      if (agent.#child.exitCode !== null) throw new Error(`the agent ended with status ${agent.#child.exitCode}`);
      if (Date.now() > deadline) {
        await agent.stop();
        throw new Error(`the agent was not ready after ${readyTimeoutMs / 1000} s`);
      }
      await sleep(pollMs);
    }
    return agent;
  }

  /** True when the agent could load every policy. */
  get complete(): boolean {
    return /^ready: .* 0 refused$/m.test(this.#stderr);
  }

  /** Runs the commands of a step and waits until its events are there. */
  async play(step: PolicyTestStep): Promise<StepResult> {
    const before = this.#events().length;
    const child = spawn('bash', ['-c', step.run], { cwd: repositoryRoot, stdio: ['ignore', 'inherit', 'inherit'] });
    const [status] = (await once(child, 'exit')) as [number | null];
    const deadline = Date.now() + eventTimeoutMs;
    for (;;) {
      const events = this.#events().slice(before);
      const missing = step.events.filter((expected) => !events.some((event) => matches(event, expected)));
      if (missing.length === 0 || Date.now() > deadline) {
        const unwanted = events.filter((event) => step.unwanted.some((part) => matches(event, part)));
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

  /** Events since the start, oldest first. */
  #events(): object[] {
    const lines = readFileSync(this.#exportFile, 'utf8').split('\n');
    /* What stands behind the last newline is not complete yet. */
    return lines.slice(0, -1).map((line) => JSON.parse(line) as object);
  }
}
