import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess } from './agent-process.ts';
import { type AgentEvent, EventLog } from './event-log.ts';
import { startProgram } from './run-program.ts';

const eventTimeoutMs = 60_000;
const pollMs = 20;

/** One agent for many scenarios, which change its policies. */
export class SharedAgent {
  readonly #process: AgentProcess;
  readonly #events: EventLog;
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
   * All events since the last call. Runs a program and waits for its exit event: whatever happened before it is in the
   * file by then.
   */
  async collect(): Promise<AgentEvent[]> {
    const mark = `mark-${++this.#marks}`;
    await startProgram(['./mark', mark]).done;
    const events: AgentEvent[] = [];
    const deadline = Date.now() + eventTimeoutMs;
    for (;;) {
      const fresh = this.#events.read();
      events.push(...fresh);
      if (fresh.some((event) => event.process_exit?.process.arguments === mark)) return events.filter(isNotMark);
      if (!this.running) throw new Error(`the agent ended; it wrote:\n${this.stderr()}`);
      if (Date.now() > deadline)
        throw new Error(`no exit event of ${mark} in time; the agent wrote:\n${this.stderr()}`);
      await sleep(pollMs);
    }
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
