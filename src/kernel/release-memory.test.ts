import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Prints the resident memory in MB with garbage, and after it was given back. */
const program = `
import { releaseMemorySoon } from ${JSON.stringify(join(import.meta.dirname, 'release-memory.ts'))};
const residentMb = () => process.memoryUsage.rss() / 2 ** 20;
let garbage = Array.from({ length: 1_000_000 }, (_, index) => ({ index }));
const before = residentMb();
garbage = undefined;
releaseMemorySoon();
releaseMemorySoon();
const deadline = Date.now() + 15_000;
(function look() {
  if (residentMb() > before - 20 && Date.now() < deadline) return setTimeout(look, 100);
  console.log(JSON.stringify([before, residentMb()]));
})();
`;

test('releaseMemorySoon gives garbage back to the system', () => {
  const args = ['--expose-gc', '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  const [before, after] = JSON.parse(stdout) as [number, number];
  expect(after).toBeLessThan(before - 20);
});
