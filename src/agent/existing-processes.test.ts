import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { ProcessCache } from '../events/processes/process-cache.ts';
import { readProcesses } from '../kernel/procfs.ts';
import { enterExistingProcesses, identityIn } from './existing-processes.ts';
import { SharedMaps } from './shared-maps.ts';

test('a process that ends while the others are entered leaves the map of the kernel side', async () => {
  const child = spawn('sleep', ['100']);
  await once(child, 'spawn');
  const processes = readProcesses();
  expect(processes.map(({ pid }) => pid)).toContain(child.pid);
  child.kill();
  await once(child, 'exit');
  using maps = new SharedMaps({ ringSize: 4096 });
  const cache = new ProcessCache({ capacity: 1000, graceSeconds: 5, withCredentials: false, withNamespaces: false });
  enterExistingProcesses(maps, cache, { processes, earlier: undefined, withEnvironment: false });
  expect(identityIn(maps, process.pid)).toMatchObject({ parentTgid: process.ppid });
  expect(identityIn(maps, child.pid!)).toBeUndefined();
  /* Its exit record names it by its tgid, and finds it. */
  expect(cache.latest(child.pid!)?.ended).toBe(false);
});
