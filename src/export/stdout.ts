import { BufferedOutput, type OutputOptions } from './buffered-output.ts';

/** Standard output for sinks. `close` leaves the descriptor open: it is not ours. */
export function stdoutOutput(options?: OutputOptions): BufferedOutput {
  return new BufferedOutput(1, 'standard output', false, options);
}
