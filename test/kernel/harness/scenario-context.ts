import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KernelFacts } from '../../../src/compiler/kernel-facts.ts';
import { AgentProcess } from './agent-process.ts';
import { EventLog } from './event-log.ts';
import { type ProgramOptions, type ProgramResult, type RunningProgram, startProgram } from './run-program.ts';
import type { SharedAgent } from './shared-agent.ts';

const readyTimeoutMs = 30_000;

/** An agent of a scenario's own, with its files. */
export interface OwnAgent {
  readonly process: AgentProcess;
  readonly events: EventLog;
  readonly exportPath: string;
}

/** What a scenario works with: a folder, programs, agents. All of it is gone when the scenario has ended. */
export class ScenarioContext {
  /** Empty at first, on a file system without restrictions. */
  readonly folder: string;
  /** Where the agent reads its policies. */
  readonly policyFolder: string;
  /** Of the running kernel. */
  readonly facts: KernelFacts;
  /** What was measured, for the report. */
  readonly measured: string[] = [];
  /** For what a step of the scenario leaves for a later one, such as process ids. */
  readonly notes = new Map<string, number>();
  /** Where processors are emulated, everything takes ten to thirty times as long. */
  readonly isEmulated: boolean = isEmulated();
  #shared: SharedAgent | undefined;
  readonly #programs: RunningProgram[] = [];
  readonly #agents: OwnAgent[] = [];

  constructor(folder: string, policyFolder: string, facts: KernelFacts) {
    this.folder = folder;
    this.policyFolder = policyFolder;
    this.facts = facts;
    mkdirSync(folder, { recursive: true });
    mkdirSync(policyFolder, { recursive: true });
  }

  /** Tells the context of the agent that reads `policyFolder`. */
  useSharedAgent(agent: SharedAgent): void {
    this.#shared = agent;
    this.notes.set('agent pid', agent.pid);
  }

  /** Makes the shared agent read its policies again. Returns what it said. */
  reloadAgent(): Promise<string> {
    return this.#sharedAgent().reload();
  }

  /** All that the shared agent has written to standard error since the scenario's policies were there. */
  agentStderr(): string {
    return this.#sharedAgent().stderrSinceMark();
  }

  #sharedAgent(): SharedAgent {
    if (this.#shared === undefined) throw new Error('this scenario has an agent of its own');
    return this.#shared;
  }

  /** A path in the scenario's folder. */
  readonly path = (...names: string[]): string => path.join(this.folder, ...names);

  /** Writes a file in the scenario's folder, with the folders above it; returns its path. */
  file(name: string, content: string, mode = 0o644): string {
    const file = this.path(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content, { mode });
    return file;
  }

  /** Runs a program to its end. `./name` is one of `test/programs/`. */
  run(command: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    return this.start(command, options).done;
  }

  /** Runs a program that must succeed; throws with what it printed when it does not. */
  async must(command: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    const result = await this.run(command, options);
    if (result.status === 0) return result;
    const { status, signal, stdout, stderr } = result;
    throw new Error(`${command.join(' ')} ended with ${signal || `status ${status}`}: ${stdout}${stderr}`);
  }

  /** Starts a program that is ended with the scenario at the latest. */
  start(command: readonly string[], options: ProgramOptions = {}): RunningProgram {
    const program = startProgram(command, options);
    this.#programs.push(program);
    return program;
  }

  /** Starts one of our programs that prints "ready", and waits for that. */
  async startReady(command: readonly string[], options: ProgramOptions = {}): Promise<RunningProgram> {
    const program = this.start(command, options);
    for (const deadline = Date.now() + readyTimeoutMs; !program.stdout().startsWith('ready'); ) {
      if (Date.now() > deadline) throw new Error(`${command.join(' ')} is not ready: ${program.stdout()}`);
      await sleep(10);
    }
    return program;
  }

  note(name: string): number {
    const value = this.notes.get(name);
    if (value === undefined) throw new Error(`the scenario has not noted "${name}"`);
    return value;
  }

  /** Replaces what is in the policy folder. */
  writePolicies(files: Readonly<Record<string, string>>): void {
    rmSync(this.policyFolder, { recursive: true, force: true });
    mkdirSync(this.policyFolder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(this.policyFolder, name), text);
  }

  /** Starts an agent of our own, without waiting for it. */
  launchAgent(args: readonly string[] = ['--policy', this.policyFolder]): OwnAgent {
    const name = `agent-${this.#agents.length}`;
    const exportPath = this.path(`${name}.jsonl`);
    const process = new AgentProcess(['-o', 'none', '--export', exportPath, ...args], this.path(`${name}.log`));
    const agent = { process, exportPath, events: new EventLog(exportPath) };
    this.#agents.push(agent);
    return agent;
  }

  /** Starts an agent of our own and waits until its hooks are live. */
  async startAgent(args?: readonly string[]): Promise<OwnAgent> {
    const agent = this.launchAgent(args);
    await agent.process.waitReady();
    return agent;
  }

  async close(): Promise<void> {
    for (const program of this.#programs) program.kill('SIGKILL');
    for (const { process, events } of this.#agents) {
      events.close();
      if (process.running) await process.stop().catch(() => {});
    }
  }
}

/** Whether this is a guest on an emulated processor. */
export function isEmulated(): boolean {
  return readFileSync('/proc/cpuinfo', 'utf8').includes('QEMU TCG CPU');
}
