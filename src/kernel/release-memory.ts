import { mallocTrim } from './libc.ts';

/** After BTF and compiled policies have lost their last users; several changes in a row cost one collection. */
const DELAY_MS = 1500;

let timer: NodeJS.Timeout | undefined;

/**
 * Gives back to the system, a moment later, what compiling and loading policies needed: V8 and the C library keep freed
 * memory for more of the same, some 12 MB. Stops this thread for 20 to 60 ms then. Without `--expose-gc`, as bin/jatai
 * sets it, only the C library's part is given back.
 */
export function releaseMemorySoon(): void {
  clearTimeout(timer);
  timer = setTimeout(releaseMemory, DELAY_MS).unref();
}

function releaseMemory(): void {
  timer = undefined;
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  mallocTrim(0);
}
