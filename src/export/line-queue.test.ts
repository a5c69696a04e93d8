import { expect, test } from 'vitest';
import { LineQueue, viewsOf } from './line-queue.ts';

const chunkBytes = 128 * 1024;

/** Makes a line at the place that the queue lends; false when it lends none. */
function makeLine(queue: LineQueue, text: string): boolean {
  const place = queue.lend();
  if (place === undefined) return false;
  const end = place.end + place.bytes.write(text, place.end);
  queue.takeLine(place, end);
  return true;
}

function content(queue: LineQueue): string {
  return Buffer.concat(viewsOf(queue.next())).toString();
}

test('lines made in place and lines appended keep their order, over many chunks', () => {
  const queue = new LineQueue(chunkBytes, 2 ** 24);
  let expected = '';
  for (let count = 0; count < 1000; count++) {
    const line = `${'x'.repeat((count * 37) % 5000)}${count}\n`;
    if (count % 3 !== 0 || !makeLine(queue, line)) {
      const bytes = Buffer.from(line);
      expect(queue.append(bytes, 0, bytes.length)).toBe(true);
    }
    expected += line;
  }
  expect(queue.bytes).toBe(expected.length);
  expect(content(queue)).toBe(expected);
  expect(queue.take(expected.length)).toBe(1000);
  expect(queue.isEmpty).toBe(true);
});

test('a place that is lent and not used changes nothing', () => {
  const queue = new LineQueue(chunkBytes, 2 ** 24);
  queue.lend();
  expect(queue.isEmpty).toBe(true);
  expect(queue.next()).toEqual([]);
  const long = Buffer.from(`${'y'.repeat(chunkBytes)}\n`);
  queue.lend();
  expect(queue.append(long, 0, long.length)).toBe(true);
  expect(makeLine(queue, 'short\n')).toBe(true);
  expect(content(queue)).toBe(`${long}short\n`);
});

test('lines are added while those before them are written', () => {
  const queue = new LineQueue(chunkBytes, 2 ** 24);
  makeLine(queue, 'first\n');
  const [part] = queue.next();
  makeLine(queue, 'second\n');
  expect(queue.take(part!.end - part!.start)).toBe(1);
  expect(content(queue)).toBe('second\n');
  expect(queue.take(7)).toBe(1);
  makeLine(queue, 'third\n');
  expect(content(queue)).toBe('third\n');
});

test('lends nothing when a long line might not fit any more, nor from small chunks', () => {
  const full = new LineQueue(chunkBytes, 10_000);
  expect(makeLine(full, `${'z'.repeat(5000)}\n`)).toBe(true);
  expect(full.lend()).toBeUndefined();
  expect(new LineQueue(1000, 2 ** 24).lend()).toBeUndefined();
});

test('a line at a place that is not lent any more is a mistake', () => {
  const queue = new LineQueue(chunkBytes, 2 ** 24);
  const place = queue.lend()!;
  const line = Buffer.from('other\n');
  queue.append(line, 0, line.length);
  queue.append(Buffer.alloc(chunkBytes, 0x61), 0, chunkBytes);
  expect(() => queue.takeLine(place, 5)).toThrow('not lent');
});
