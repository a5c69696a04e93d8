import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { makeFolder } from '../kernel/make-folder.ts';
import { replaceFile } from '../kernel/replace-file.ts';
import { type HooksFile, hooksFileName, isRunning, startTicksOf } from './hooks-file.ts';

/**
 * Where other commands learn what the agent runs in the kernel: one file, replaced as a whole at each switch, readable
 * by its owner, removed at the end. What stands in the way is logged and harms nothing else.
 */
export class RunDirectory {
  readonly #path: string;
  readonly #file: string;
  readonly #log: Logger;
  readonly #startTicks = startTicksOf(process.pid) ?? 0;
  #switches = 0;
  #warned = false;

  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#file = join(path, hooksFileName);
    this.#log = log;
  }

  /** Says what runs now. */
  writeHooks({ hooks, sensors }: Pick<HooksFile, 'hooks' | 'sensors'>): void {
    const content: HooksFile = {
      schema: 1,
      pid: process.pid,
      startTicks: this.#startTicks,
      switches: ++this.#switches,
      hooks,
      sensors,
    };
    try {
      this.#checkOwner();
      makeFolder(this.#path, 0o755);
      replaceFile(this.#file, `${JSON.stringify(content)}\n`, 0o600);
    } catch (error) {
      if (this.#warned) return;
      this.#warned = true;
      this.#log.warn(`${this.#file}: ${(error as Error).message}; jatai top cannot find this agent`);
    }
  }

  close(): void {
    if (this.#readOwner()?.pid !== process.pid) return;
    try {
      rmSync(this.#file, { force: true });
    } catch (error) {
      this.#log.warn(`${this.#file}: ${(error as Error).message}`);
    }
  }

  /** Throws when the file belongs to another agent that runs. */
  #checkOwner(): void {
    const owner = this.#readOwner();
    if (owner === undefined || owner.pid === process.pid || !isRunning(owner)) return;
    throw new Error(`another agent, pid ${owner.pid}, runs with this directory: give this one its own with --run-dir`);
  }

  #readOwner(): HooksFile | undefined {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as HooksFile;
    } catch {
      return undefined;
    }
  }
}
