import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { consoleTail, runInVm } from '../../vm/run-in-vm.ts';
import { known, notProduced } from './known-differences.ts';
import { type Sample, samples, twinOf } from './samples.ts';
import { differences } from './shape.ts';

// Every kind of event that Tetragon wrote for the samples is made here by the same policy and a trigger of the same kind:
// it has the same members, of the same types, in the same encoding. Each difference is listed with its reason.

const timeoutSec = 600;
let events: Record<Sample['run'], readonly Record<string, unknown>[]> = { full: [], plain: [] };
const used = new Set<string>();

beforeAll(async () => {
  const outDir = mkdtempSync(path.join(tmpdir(), 'jatai-twins-'));
  try {
    const { status, stderr, failure, console } = await runInVm({
      kernel: '6.12',
      command: ['node', 'test/kernel/twins/collect.ts', '/run/jatai-out'],
      outDir,
      timeoutSec,
    });
    expect(failure === undefined ? '' : `${failure}\n${consoleTail(console)}`).toBe('');
    expect(status, stderr).toBe(0);
    events = { full: readLines(path.join(outDir, 'full.jsonl')), plain: readLines(path.join(outDir, 'plain.jsonl')) };
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}, timeoutSec * 1000);

describe('the twin of a sample', () => {
  for (const sample of samples) {
    test(sample.title, (context) => {
      const twin = twinOf(sample, events[sample.run]);
      const reason = notProduced(sample);
      if (reason !== undefined) {
        expect(twin, `is produced now, although it is said not to be: ${reason}`).toBeUndefined();
        context.skip(reason);
      }
      expect(twin, 'no such event').toBeDefined();
      const found = differences(sample.event, twin).map((difference) => `${difference.path} ${difference.text}`);
      for (const { pattern, reason } of known) if (found.some((text) => pattern.test(text))) used.add(reason);
      expect(found.filter((text) => !known.some(({ pattern }) => pattern.test(text)))).toEqual([]);
    });
  }

  test('every difference that is listed is there', () => {
    expect(known.filter(({ reason }) => !used.has(reason))).toEqual([]);
  });
});

function readLines(file: string): Record<string, unknown>[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
