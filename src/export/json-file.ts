import { openSync } from 'node:fs';
import type { LineSink } from '../events/event-sink.ts';
import { BufferedOutput, type OutputOptions } from './buffered-output.ts';

/** Writes events as JSON lines. */
export class JsonSink implements LineSink {
  readonly takes = 'lines';
  readonly output: BufferedOutput;

  constructor(output: BufferedOutput) {
    this.output = output;
  }

  write(line: Buffer, start: number, end: number): void {
    this.output.append(line, start, end);
  }

  flush(): void {
    this.output.flush();
  }

  close(): void {
    this.output.close();
  }
}

/** Appends events to a file that only its owner can read. Throws the system's error when it cannot be opened. */
export function openJsonFile(path: string, options?: OutputOptions): JsonSink {
  return new JsonSink(new BufferedOutput(openSync(path, 'a', 0o600), path, true, options));
}
