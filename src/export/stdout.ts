import fs, { fstatSync } from 'node:fs';
import { promisify } from 'node:util';
import { BufferedOutput, type OutputOptions } from './buffered-output.ts';
import { viewsOf } from './line-queue.ts';
import { NonBlockingDevice } from './nonblocking-device.ts';
import type { OutputDevice } from './output-device.ts';

/** Standard output for sinks. `close` leaves the descriptor open: it is not ours. */
export function stdoutOutput(options?: OutputOptions): BufferedOutput {
  const name = 'standard output';
  const device = fstatSync(1).isFile() ? fileDevice(1, name) : new NonBlockingDevice(1, name);
  return new BufferedOutput(device, options);
}

/** The descriptor itself is used: what is written to standard error may go to the same place in the same file. */
function fileDevice(fd: number, name: string): OutputDevice {
  return {
    name,
    survivesReaders: false,
    write: async (parts) => (await writev(fd, viewsOf(parts))).bytesWritten,
    close: () => {},
  };
}

const writev = promisify(fs.writev);
