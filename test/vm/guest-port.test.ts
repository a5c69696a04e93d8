import { expect, test } from 'vitest';
import { MarkedStream } from './guest-port.ts';

const mark = Buffer.from('\0end');

/** Feeds `chunks` one by one and returns what came out, and after which chunk the mark was complete. */
function feed(chunks: readonly string[]): { text: string; endedAt: number } {
  let text = '';
  const stream = new MarkedStream(mark, (chunk) => {
    text += chunk.toString();
  });
  const endedAt = chunks.findIndex((chunk) => stream.push(Buffer.from(chunk)));
  if (endedAt < 0) stream.flush();
  return { text, endedAt };
}

test.each([
  { name: 'mark in one chunk with the text', chunks: ['hello\0end'], text: 'hello', endedAt: 0 },
  { name: 'mark alone', chunks: ['\0end'], text: '', endedAt: 0 },
  { name: 'mark cut in the middle', chunks: ['hello\0e', 'nd'], text: 'hello', endedAt: 1 },
  { name: 'mark byte by byte', chunks: ['a', '\0', 'e', 'n', 'd'], text: 'a', endedAt: 4 },
  { name: 'beginning of a mark that is text after all', chunks: ['a\0e', 'x\0end'], text: 'a\0ex', endedAt: 1 },
  { name: 'second beginning inside the first', chunks: ['\0', '\0end'], text: '\0', endedAt: 1 },
  { name: 'stream that ends without a mark', chunks: ['a', 'b\0en'], text: 'ab\0en', endedAt: -1 },
])('MarkedStream: $name', ({ chunks, text, endedAt }) => {
  expect(feed(chunks)).toEqual({ text, endedAt });
});

test('MarkedStream passes text on at once', () => {
  const seen: string[] = [];
  const stream = new MarkedStream(mark, (chunk) => seen.push(chunk.toString()));
  stream.push(Buffer.from('one'));
  stream.push(Buffer.from('two'));
  expect(seen).toEqual(['one', 'two']);
});
