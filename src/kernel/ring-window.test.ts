import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { memfdCreate, pageSize } from './libc.ts';
import { RingWindow } from './ring-window.ts';

const dataBytes = 2 ** 21;

/** A file that has `header` bytes and then words which say where in the data they are. */
function fileOfWords(header: number): number {
  const fd = memfdCreate('window', 0);
  ftruncateSync(fd, header);
  const words = Uint32Array.from({ length: dataBytes / 4 }, (_, index) => index * 4);
  writeSync(fd, new Uint8Array(words.buffer), 0, dataBytes, header);
  return fd;
}

test('RingWindow shows any part of the data, forwards, backwards and at its end', () => {
  const fd = fileOfWords(2 * pageSize);
  using window = new RingWindow('test', fd, 2 * pageSize, dataBytes);
  for (const offset of [0, 4, 262_136, 262_144, 300_008, dataBytes - 8, 8, 1_048_576 - 8, 700_000]) {
    const place = window.seek(offset, 8);
    expect(window.words[place >>> 2]).toBe(offset);
    expect(window.bytes.readUInt32LE(place + 4)).toBe(offset + 4);
  }
  closeSync(fd);
});

test('RingWindow shows a record that is longer than itself whole', () => {
  const fd = fileOfWords(0);
  using window = new RingWindow('test', fd, 0, dataBytes);
  const place = window.seek(5000, 600_000);
  expect(window.bytes.length).toBeGreaterThan(600_000);
  expect(window.bytes.readUInt32LE(place)).toBe(5000);
  expect(window.bytes.readUInt32LE(place + 600_000 - 4)).toBe(5000 + 600_000 - 4);
  expect(window.bytes.readUInt32LE(window.seek(0, 4))).toBe(0);
  closeSync(fd);
});

test('RingWindow keeps no memory after close', () => {
  const fd = fileOfWords(0);
  const window = new RingWindow('test', fd, 0, dataBytes);
  const { bytes } = window;
  window.close();
  expect(bytes.length).toBe(0);
  window.close();
  closeSync(fd);
});
