import { decodeLoader, type LoaderRecord } from '../decode.ts';

/**
 * Loader records that wait for the exec record of the program they belong to: the kernel maps a program and its
 * interpreter before it says that there is a new program.
 */
export class HeldLoads {
  readonly #byTgid = new Map<number, Held>();
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get full(): boolean {
    return this.#count >= maxHeld;
  }

  /** Keeps a copy of `buffer[offset .. offset + size]`, the bytes of `record`. */
  add({ header }: LoaderRecord, buffer: Buffer, offset: number, size: number): void {
    const held = this.#byTgid.get(header.tgid) ?? { records: [], sinceMs: performance.now() };
    held.records.push(Buffer.from(buffer.subarray(offset, offset + size)));
    this.#byTgid.set(header.tgid, held);
    this.#count++;
  }

  /** The records of a process, in their order; they wait no more. */
  take(tgid: number): LoaderRecord[] {
    const held = this.#byTgid.get(tgid);
    if (held === undefined) return [];
    this.#byTgid.delete(tgid);
    this.#count -= held.records.length;
    return held.records
      .map((bytes) => decodeLoader(bytes, 0, bytes.length))
      .filter((record) => typeof record !== 'string');
  }

  /** Those of the process that has waited longest. */
  takeOldest(): LoaderRecord[] {
    const oldest = this.#byTgid.keys().next();
    return oldest.done ? [] : this.take(oldest.value);
  }

  /** The same, when it has waited too long: its exec record was lost. */
  takeExpired(): LoaderRecord[] {
    const oldest = this.#byTgid.values().next().value;
    return oldest !== undefined && performance.now() - oldest.sinceMs > maxWaitMs ? this.takeOldest() : [];
  }
}

interface Held {
  readonly records: Buffer[];
  /** Of our own clock. */
  readonly sinceMs: number;
}

/** Two for each program that is being executed: about one per CPU in practice. */
const maxHeld = 1024;
/** A program is read from its disk meanwhile. */
const maxWaitMs = 5000;
