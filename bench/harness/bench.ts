import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Measurement } from '../row.ts';
import { Agent } from './agent.ts';
import { programCosts } from './bpf-state.ts';
import { type Call, calls, costOf } from './workload.ts';

/** Files of a policy folder: text by name. */
export type PolicyFiles = Readonly<Record<string, string>>;

const folder = '/run/jatai-bench';

/** Programs that ran less often are not those of the call. */
const fewestRuns = 50;

/** The shared agent's events are not of interest, but writing them is part of its life. */
const sharedExport = path.join(folder, 'shared.jsonl');

/**
 * What the rows of one boot share: the costs of the calls without an agent, and one agent that takes the policies of one
 * row after the other, because a start takes long in an emulated guest.
 */
export class Bench {
  readonly #without = new Map<Call, number>();
  #agent: Agent | undefined;
  #nextFolder = 0;

  /** An empty folder on a file system in memory. */
  newFolder(): string {
    const created = path.join(folder, String(this.#nextFolder++));
    mkdirSync(created, { recursive: true });
    return created;
  }

  /** A policy folder with these files. */
  policyFolder(files: PolicyFiles): string {
    const created = this.newFolder();
    writePolicies(created, files);
    return created;
  }

  /** Measures every call, before anything that could leave traces in the kernel has run. */
  async measureCalls(): Promise<void> {
    for (const call of Object.keys(calls) as Call[]) this.#without.set(call, await costOf(call));
  }

  /** The cost of a call as it was before any agent. */
  without(call: Call): number {
    const ns = this.#without.get(call);
    if (ns === undefined) throw new Error(`${call} was not measured at the start`);
    return ns;
  }

  /** What the policies add to a call: the agent itself is stopped meanwhile. */
  async addedBy(files: PolicyFiles, call: Call): Promise<Measurement> {
    const without = this.without(call);
    const { agent, reloadSeconds } = await this.agentWith(files);
    const ns = await agent.whileStopped(() => costOf(call));
    return { value: ns - without, without, details: { reloadSeconds } };
  }

  /**
   * The same, with the time of each program of ours that ran meanwhile, by the kernel's own statistics: in a second
   * measurement, because they cost some instructions themselves.
   */
  async addedByProgram(files: PolicyFiles, call: Call): Promise<Measurement> {
    const added = await this.addedBy(files, call);
    const { agent } = await this.agentWith(files);
    const costs = await agent.whileStopped(() => programCosts(() => costOf(call)));
    const details = [...costs].flatMap(([name, { runs, nsPerRun }]) =>
      runs < fewestRuns ? [] : [[`${name} per run`, Math.round(nsPerRun)] as const],
    );
    return { ...added, details: { ...added.details, ...Object.fromEntries(details) } };
  }

  /** The shared agent with these policies live, and how long they took. */
  async agentWith(files: PolicyFiles): Promise<{ agent: Agent; reloadSeconds: number }> {
    const policies = path.join(folder, 'policies');
    if (this.#agent === undefined || !this.#agent.running) {
      rmSync(policies, { recursive: true, force: true });
      mkdirSync(policies, { recursive: true });
      this.#agent = await Agent.start(['-o', 'none', '--export', sharedExport, '--policy', policies]);
    }
    writePolicies(policies, files);
    return { agent: this.#agent, reloadSeconds: await this.#agent.reload() };
  }

  /** What the shared agent wrote last, to explain a failure; empty when there is none. */
  sharedStderr(): string {
    return this.#agent?.stderr() ?? '';
  }

  /** Ends the shared agent; the next row that wants one starts another. */
  async endSharedAgent(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
    rmSync(sharedExport, { force: true });
  }
}

/** Makes the folder hold exactly these files; those with the same text stay untouched. */
export function writePolicies(at: string, files: PolicyFiles): void {
  for (const name of readdirSync(at)) if (files[name] === undefined) rmSync(path.join(at, name));
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(at, name);
    if (readIfThere(file) !== text) writeFileSync(file, text);
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
