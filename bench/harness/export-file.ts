import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 250;
const quietPolls = 4;
const polls = 2000;

/** Events of policies in an export file. */
export function countEvents(exportFile: string): number {
  return readFileSync(exportFile, 'latin1').split('"policy_name":').length - 1;
}

/**
 * Waits until an export file has not grown for `quietMs` and returns how many events of policies it has.
 *
 * Throws when it keeps growing.
 */
export async function settledEvents(exportFile: string, quietMs = quietPolls * pollMs): Promise<number> {
  let size = statSync(exportFile).size;
  let quietSince = performance.now();
  for (let poll = 0; poll < polls; poll++) {
    await sleep(pollMs);
    const now = statSync(exportFile).size;
    if (now !== size) quietSince = performance.now();
    else if (performance.now() - quietSince >= quietMs) return countEvents(exportFile);
    size = now;
  }
  throw new Error(`${exportFile} keeps growing: ${size} bytes`);
}
