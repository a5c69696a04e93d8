import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess } from './agent-process.ts';
import { type AgentEvent, EventLog, parseEvent } from './event-log.ts';
import { startProgram } from './run-program.ts';

const eventTimeoutMs = 60_000;
const pollMs = 20;

/** One agent for many scenarios, which change its policies. */
export class SharedAgent {
  readonly #process: AgentProcess;
  readonly #events: EventLog;
  /** Events of the policies that the last `collect` only counted. */
  counts: Map<string, number> = new Map();
  #marks = 0;
  #stderrMark = 0;

  private constructor(process: AgentProcess, events: EventLog) {
    this.#process = process;
    this.#events = events;
  }

  /** Starts the agent on a policy folder and waits until it is ready. `exportPath` must not exist. */
  static async start(policyFolder: string, exportPath: string, stderrPath: string): Promise<SharedAgent> {
    const options = ['--policy', policyFolder, '-o', 'none', '--export', exportPath];
    const process = new AgentProcess([...options, '--enable-process-cred', '--enable-process-ns'], stderrPath);
    await process.waitReady();
    return new SharedAgent(process, new EventLog(exportPath));
  }

  get running(): boolean {
    return this.#process.running;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Makes the policies now in the folder the active ones. Returns what the agent said about them. */
  reload(): Promise<string> {
    return this.#process.reload();
  }

  stderr(): string {
    return this.#process.stderr();
  }

  /** From here on `stderrSinceMark` starts. */
  markStderr(): void {
    this.#stderrMark = this.stderr().length;
  }

  stderrSinceMark(): string {
    return this.stderr().slice(this.#stderrMark);
  }

  /**
   * All events since the last call, but those of the policies in `onlyCounted`, whose numbers are in `counts`
   * afterwards. Runs a program and waits for its exit event: whatever happened before it is in the file by then.
   */
  async collect(onlyCounted: ReadonlySet<string> = new Set()): Promise<AgentEvent[]> {
    this.counts = new Map([...onlyCounted].map((policy) => [policy, 0]));
    const mark = `mark-${++this.#marks}`;
    await startProgram(['./mark', mark]).done;
    const events: AgentEvent[] = [];
    const deadline = Date.now() + eventTimeoutMs;
    for (;;) {
      const fresh = this.#read();
      events.push(...fresh);
      if (fresh.some((event) => event.process_exit?.process.arguments === mark)) return events.filter(isNotMark);
      if (fresh.length > 0) continue;
      if (!this.running) throw new Error(`the agent ended; it wrote:\n${this.stderr()}`);
      if (Date.now() > deadline) throw new Error(`no exit event of ${mark} in time`);
      await sleep(pollMs);
    }
  }

  #read(): AgentEvent[] {
    if (this.counts.size === 0) return this.#events.read();
    const events: AgentEvent[] = [];
    for (let lines = this.#events.readLines(); lines.length > 0; lines = this.#events.readLines()) {
      events.push(...lines.filter((line) => !this.#count(line)).map(parseEvent));
    }
    return events;
  }

  #count(line: string): boolean {
    for (const [policy, count] of this.counts) {
      if (!line.includes(`"policy_name":"${policy}"`)) continue;
      this.counts.set(policy, count + 1);
      return true;
    }
    return false;
  }

  /** Interrupts the agent. Throws when it does not end well. */
  async stop(): Promise<void> {
    const { status, signal } = await this.#process.stop();
    this.#events.close();
    if (status !== 0)
      throw new Error(`the agent ended with ${signal || `status ${status}`}; it wrote:\n${this.stderr()}`);
  }
}

function isNotMark({ process_exec, process_exit }: AgentEvent): boolean {
  return !/\/mark$/.test((process_exec ?? process_exit)?.process.binary ?? '');
}
