import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Counts the lines of an export file that is rotated; parts that were put aside are counted once and deleted. */
export class LineCount {
  readonly #folder: string;
  readonly #stem: string;
  readonly #eventStart: string;
  #events = 0;
  #told = 0;
  #size = -1;
  #live = { events: 0, told: 0 };

  /** The file is `STEM.json` in `folder`, its parts begin with `STEM-`; a line of an event begins with `eventStart`. */
  constructor(folder: string, stem: string, eventStart: string) {
    this.#folder = folder;
    this.#stem = stem;
    this.#eventStart = eventStart;
  }

  /** Counts and deletes the parts that were put aside. */
  countParts(): void {
    for (const name of readdirSync(this.#folder).filter((entry) => entry.startsWith(`${this.#stem}-`))) {
      const path = join(this.#folder, name);
      const { events, told } = this.#linesOf(path);
      this.#events += events;
      this.#told += told;
      rmSync(path);
    }
  }

  /** Of all parts and the file as it is now. */
  count(): { events: number; told: number } {
    this.countParts();
    const path = join(this.#folder, `${this.#stem}.json`);
    const { size } = statSync(path);
    if (size !== this.#size) this.#live = this.#linesOf(path);
    this.#size = size;
    return { events: this.#events + this.#live.events, told: this.#told + this.#live.told };
  }

  #linesOf(path: string): { events: number; told: number } {
    const lines = Number(run('wc', ['-l', path]).split(' ')[0]);
    const others = run('grep', ['-v', `^${this.#eventStart}`, path]);
    const notices = others.split('\n').filter((line) => line !== '');
    const told = notices.map((line) => Number(JSON.parse(line).rate_limit_info.number_of_dropped_process_events));
    return { events: lines - notices.length, told: told.reduce((sum, count) => sum + count, 0) };
  }
}

function run(command: string, args: readonly string[]): string {
  const env = { ...process.env, LC_ALL: 'C' };
  return spawnSync(command, args, { encoding: 'utf8', env, maxBuffer: 2 ** 28 }).stdout;
}
