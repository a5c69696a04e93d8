import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { RowWatch } from './row-watch.ts';

/** A file that a guest would write, with these lines; the last may be incomplete. */
function withResults<T>(text: string, work: (file: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'row-watch-'));
  try {
    const file = path.join(folder, 'results');
    appendFileSync(file, text);
    return work(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const started = (id: string) => `${JSON.stringify({ id, status: 'started' })}\n`;
const measured = (id: string, value: number) => `${JSON.stringify({ id, status: 'measured', value })}\n`;

test('RowWatch names the row that was started and has no result', () => {
  const lines: string[] = [];
  const text = [started('a'), measured('a', 366), started('b'), '{"id":"b","sta'].join('');
  const end = withResults(text, (file) => new RowWatch(file, 60_000, (line) => lines.push(line)).end());
  expect(end).toEqual({ results: [{ id: 'a', status: 'measured', value: 366 }], unfinished: 'b' });
  expect(lines).toEqual(['a: 366 (0 s)']);
});

test('RowWatch is content with a guest that wrote nothing', () => {
  expect(new RowWatch('/no/such/file', 60_000, () => {}).end()).toEqual({ results: [], unfinished: undefined });
});

test('RowWatch aborts when a row takes longer than it may', () => {
  vi.useFakeTimers();
  try {
    const watch = withResults(started('a'), (file) => {
      const created = new RowWatch(file, 5000, () => {});
      vi.advanceTimersByTime(4000);
      expect(created.signal.aborted).toBe(false);
      vi.advanceTimersByTime(7000);
      return created;
    });
    expect(watch.signal.aborted).toBe(true);
    expect(watch.end().unfinished).toBe('a');
  } finally {
    vi.useRealTimers();
  }
});
