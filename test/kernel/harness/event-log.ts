import { closeSync, openSync, readSync } from 'node:fs';

/** A line of the export file. */
export interface AgentEvent {
  readonly process_exec?: EventBody;
  readonly process_exit?: EventBody;
  readonly process_kprobe?: EventBody;
  readonly process_lsm?: EventBody;
  readonly process_tracepoint?: EventBody;
  readonly process_loader?: EventBody & { readonly path: string; readonly buildid?: string };
  readonly process_throttle?: { readonly type: string; readonly cgroup: string };
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

const readBytes = 4 * 1024 * 1024;

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

  /** All events written since the last call. Throws when a complete line is not JSON. */
  read(): AgentEvent[] {
    const events: AgentEvent[] = [];
    for (let lines = this.readLines(); lines.length > 0; lines = this.readLines())
      events.push(...lines.map(parseEvent));
    return events;
  }

  /** Complete lines written since the last call, about 4 MB at most: an empty list says that there are no more. */
  readLines(): string[] {
    this.#fd ??= openIfThere(this.#path);
    if (this.#fd === undefined) return [];
    const room = this.#buffer.subarray(this.#rest.length);
    this.#rest.copy(this.#buffer);
    const length = readSync(this.#fd, room, 0, room.length, this.#position);
    this.#position += length;
    const bytes = this.#buffer.subarray(0, this.#rest.length + length);
    const end = bytes.lastIndexOf('\n') + 1;
    if (end === 0 && length === room.length)
      throw new Error(`a line of ${this.#path} is longer than ${readBytes} bytes`);
    const lines = end === 0 ? [] : bytes.toString('utf8', 0, end - 1).split('\n');
    this.#rest = Buffer.from(bytes.subarray(end));
    return lines;
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
