import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningProgram, startProgram } from '../harness/run-program.ts';

export interface AttackResult {
  readonly attempts: number;
  /** Opens that went through. */
  readonly successes: number;
  /** Opens that failed for another reason than the policy. */
  readonly others: number;
}

const readyTimeoutMs = 60_000;

/** Processes whose threads open forbidden files as fast as they can. */
export class Attackers {
  readonly #programs: readonly RunningProgram[];

  private constructor(programs: readonly RunningProgram[]) {
    this.#programs = programs;
  }

  /** Starts `threads` (an entry for each process) and lets them go when all are there. */
  static async start(threads: readonly number[], paths: readonly string[]): Promise<Attackers> {
    const programs = threads.map((count) => startProgram(['./attack-open', String(count), ...paths]));
    const deadline = Date.now() + readyTimeoutMs;
    while (!programs.every((program) => program.stdout().startsWith('ready'))) {
      assert.ok(Date.now() < deadline, 'the attackers did not start');
      await sleep(20);
    }
    for (const program of programs) program.send('go\n');
    return new Attackers(programs);
  }

  /** Adds up. */
  static sum(results: readonly AttackResult[]): AttackResult {
    const total = (of: (result: AttackResult) => number) => results.reduce((sum, result) => sum + of(result), 0);
    return {
      attempts: total(({ attempts }) => attempts),
      successes: total(({ successes }) => successes),
      others: total(({ others }) => others),
    };
  }

  /** Ends the attack and adds up. */
  async stop(): Promise<AttackResult> {
    for (const program of this.#programs) program.endInput();
    const results = await Promise.all(this.#programs.map((program) => program.done));
    return Attackers.sum(
      results.flatMap(({ status, stdout, stderr }) => {
        assert.equal(status, 0, `an attacker ended with ${status}: ${stderr}`);
        return stdout.trim().split('\n').slice(1).map(parseLine);
      }),
    );
  }

  kill(): void {
    for (const program of this.#programs) program.kill('SIGKILL');
  }
}

function parseLine(line: string): AttackResult {
  const [attempts = 0, successes = 0, others = 0] = line.split(' ').map(Number);
  return { attempts, successes, others };
}
