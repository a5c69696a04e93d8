import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 250;
/** A starved machine may do nothing for seconds. */
const quietMs = 30_000;

/** Events of policies in an export file. */
function countEvents(exportFile: string): number {
  return readFileSync(exportFile, 'latin1').split('"policy_name":').length - 1;
}

/**
 * Waits until an export file has as many events of policies as `expected` says at that moment, and returns how many it
 * has. When it stops growing before, it returns after half a minute what there is.
 */
export async function settledEvents(exportFile: string, expected: () => number): Promise<number> {
  let size = -1;
  let events: number | undefined;
  let changedAt = performance.now();
  for (;;) {
    const now = statSync(exportFile).size;
    if (now === size) {
      events ??= countEvents(exportFile);
      if (events >= expected() || performance.now() - changedAt > quietMs) return events;
    } else {
      events = undefined;
      changedAt = performance.now();
    }
    size = now;
    await sleep(pollMs);
  }
}
