import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { RotatingFile } from '../../export/rotating-file.ts';
import { eventLogOf, goDuration } from './event-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'jatai-event-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('rotation is read and changed in the units of the API', async () => {
  const file = await RotatingFile.open(join(folder, 'events.json'), { maxBytes: 10 * 2 ** 20, maxBackups: 5 });
  const log = eventLogOf(file);
  expect(log.get()).toEqual({ max_size: 10, rotation_interval: '0s', max_backups: 5 });
  log.set({ max_size: 1, rotation_interval: '1h30m' });
  expect(log.get()).toEqual({ max_size: 1, rotation_interval: '1h30m0s', max_backups: 5 });
  expect(file.rotation).toEqual({ maxBytes: 2 ** 20, intervalMs: 5_400_000, maxBackups: 5 });
  log.set({ rotation_interval: '0s', max_backups: 0 });
  expect(log.get()).toEqual({ max_size: 1, rotation_interval: '0s', max_backups: 0 });
  for (const [change, message] of [
    [{ max_size: 0 }, 'max_size 0 is not a number of megabytes from 1 to 1048576'],
    [{ max_backups: -1 }, 'max_backups -1 is not a number of files'],
    [{ rotation_interval: 'soon' }, 'rotation_interval "soon" is not a time such as 500ms, 15s or 1h30m'],
  ] as const) {
    expect(() => log.set(change)).toThrow(message);
  }
  expect(log.get().max_size).toBe(1);
  await file.close(0);
});

test('a file is put aside at its new size', async () => {
  const file = await RotatingFile.open(join(folder, 'small.json'), { maxBytes: 10 * 2 ** 20, maxBackups: 5 });
  const line = Buffer.alloc(600 * 1024, 'x');
  line[line.length - 1] = 0x0a;
  const part = { bytes: line, start: 0, end: line.length, lines: 1 };
  eventLogOf(file).set({ max_size: 1 });
  for (let count = 0; count < 2; count++) await file.write([part]);
  expect(file.counters().rotations).toBe(1);
  await file.close(0);
});

test.each([
  [0, '0s'],
  [1500, '1.5s'],
  [60_000, '1m0s'],
  [3_600_000, '1h0m0s'],
  [5_415_000, '1h30m15s'],
])('%d ms is %s', (ms, text) => {
  expect(goDuration(ms)).toBe(text);
});
