import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { tarArchive } from './tar.ts';

test('tar reads what we write', () => {
  const entries = [0, 1, 511, 512, 513].map((size) => ({ name: `a/${size}.txt`, content: Buffer.alloc(size, 'x') }));
  const archive = tarArchive(entries, new Date('2026-11-20T10:00:00Z'));
  const list = execFileSync('tar', ['tvf', '-', '--utc', '--full-time'], { input: archive, encoding: 'utf8' });
  expect(
    list
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/\s+/g, ' ')),
  ).toEqual(entries.map(({ name, content }) => `-rw------- 0/0 ${content.length} 2026-11-20 10:00:00 ${name}`));
  const content = execFileSync('tar', ['xOf', '-', 'a/513.txt'], { input: archive });
  expect(content.equals(Buffer.alloc(513, 'x'))).toBe(true);
});

test('a name that does not fit is our mistake', () => {
  expect(() => tarArchive([{ name: 'x'.repeat(100), content: Buffer.alloc(0) }], new Date())).toThrow('too long');
});
