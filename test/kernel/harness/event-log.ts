import { closeSync, openSync, readSync } from 'node:fs';

/** A line of the export file. */
export interface AgentEvent {
  readonly process_exec?: EventBody;
  readonly process_exit?: EventBody;
  readonly process_kprobe?: EventBody;
  readonly process_lsm?: EventBody;
  readonly process_tracepoint?: EventBody;
  readonly node_name: string;
  readonly time: string;
}

export interface EventBody {
  readonly process: EventProcess;
  readonly parent?: EventProcess;
  readonly [name: string]: unknown;
}

export interface EventProcess {
  readonly exec_id: string;
  readonly pid: number;
  readonly binary?: string;
  readonly arguments?: string;
  readonly [name: string]: unknown;
}

const readBytes = 1024 * 1024;

/** Reads an export file while it grows. */
export class EventLog {
  readonly #path: string;
  #fd: number | undefined;
  #position = 0;
  #rest: Buffer = Buffer.alloc(0);
  readonly #buffer = Buffer.alloc(readBytes);

  constructor(path: string) {
    this.#path = path;
  }

  /** The events written since the last call. Throws when a complete line is not JSON. */
  read(): AgentEvent[] {
    return this.readLines().map(parseEvent);
  }

  /** The complete lines written since the last call. */
  readLines(): string[] {
    this.#fd ??= openIfThere(this.#path);
    if (this.#fd === undefined) return [];
    const chunks = [this.#rest];
    for (;;) {
      const length = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, this.#position);
      if (length === 0) break;
      this.#position += length;
      chunks.push(Buffer.from(this.#buffer.subarray(0, length)));
    }
    if (chunks.length === 1) return [];
    const bytes = Buffer.concat(chunks);
    const end = bytes.lastIndexOf('\n') + 1;
    this.#rest = bytes.subarray(end);
    return end === 0 ? [] : bytes.toString('utf8', 0, end - 1).split('\n');
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

/** Throws when the line is not JSON. */
export function parseEvent(line: string): AgentEvent {
  try {
    return JSON.parse(line) as AgentEvent;
  } catch (error) {
    throw new Error(`a line of the export file is not JSON: ${(error as Error).message}: ${line.slice(0, 300)}`);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
