import type { Process } from './process.ts';

/** Processes by (tgid, start). The executions of one tgid hang on the latest by `older`, in the order of their start. */
export class ProcessTable {
  /** The latest execution of each tgid. */
  readonly #byTgid = new Map<number, Process>();
  /** What was asked for last: records of one process come in a row. */
  #found: Process | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(tgid: number, ktimeLow: number, ktimeHigh: number): Process | undefined {
    const found = this.#found;
    if (found !== undefined && found.tgid === tgid && found.ktimeLow === ktimeLow && found.ktimeHigh === ktimeHigh) {
      found.touched = true;
      return found;
    }
    return this.#search(tgid, ktimeLow, ktimeHigh);
  }

  #search(tgid: number, ktimeLow: number, ktimeHigh: number): Process | undefined {
    let process = this.#byTgid.get(tgid);
    while (process !== undefined && (process.ktimeLow !== ktimeLow || process.ktimeHigh !== ktimeHigh)) {
      process = process.older;
    }
    if (process !== undefined) process.touched = true;
    this.#found = process;
    return process;
  }

  latest(tgid: number): Process | undefined {
    return this.#byTgid.get(tgid);
  }

  *all(): Generator<Process> {
    for (const latest of this.#byTgid.values()) {
      for (let process: Process | undefined = latest; process !== undefined; process = process.older) yield process;
    }
  }

  /** Enters a process. Returns the one of the same tgid and start that it replaces, if there is one. */
  insert(process: Process): Process | undefined {
    this.#size++;
    process.image.holders++;
    const latest = this.#byTgid.get(process.tgid);
    if (latest !== undefined) return this.#insertAmong(latest, process);
    this.#byTgid.set(process.tgid, process);
    return undefined;
  }

  #insertAmong(latest: Process, process: Process): Process | undefined {
    let newer: Process | undefined;
    let older: Process | undefined = latest;
    while (older !== undefined && isLater(older, process)) {
      newer = older;
      older = older.older;
    }
    const replaced = older?.ktimeLow === process.ktimeLow && older.ktimeHigh === process.ktimeHigh ? older : undefined;
    if (replaced !== undefined) {
      older = replaced.older;
      this.#found = undefined;
      this.#size--;
      replaced.image.holders--;
    }
    process.older = older;
    if (newer === undefined) this.#byTgid.set(process.tgid, process);
    else newer.older = process;
    return replaced;
  }

  /** Takes a process out; false when it is gone already. */
  remove(process: Process): boolean {
    let newer: Process | undefined;
    let current = this.#byTgid.get(process.tgid);
    while (current !== undefined && current !== process) {
      newer = current;
      current = current.older;
    }
    if (current === undefined) return false;
    this.#found = undefined;
    if (newer !== undefined) newer.older = process.older;
    else if (process.older !== undefined) this.#byTgid.set(process.tgid, process.older);
    else this.#byTgid.delete(process.tgid);
    process.older = undefined;
    this.#size--;
    process.image.holders--;
    return true;
  }

  /**
   * A process that was not used lately, as far as a short search tells; never the kernel's own unless it is alone. Second
   * chance: one used since the last search goes to the end of the row.
   */
  leastUsed(): Process | undefined {
    let candidate: Process | undefined;
    for (let attempt = 0; attempt < maxSecondChances; attempt++) {
      const process = this.#byTgid.values().next().value!;
      if (process.tgid !== 0) {
        candidate = process;
        if (!process.touched) break;
      }
      process.touched = false;
      this.#byTgid.delete(process.tgid);
      this.#byTgid.set(process.tgid, process);
    }
    return candidate === undefined ? undefined : oldest(candidate);
  }
}

/** Bounds the search for a process to drop when all are in use. */
const maxSecondChances = 64;

function isLater(process: Process, than: Process): boolean {
  return process.ktimeHigh === than.ktimeHigh ? process.ktimeLow > than.ktimeLow : process.ktimeHigh > than.ktimeHigh;
}

function oldest(process: Process): Process {
  while (process.older !== undefined) process = process.older;
  return process;
}
