import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile } from './replace-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replace-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('replaceFile puts a new file in the place of an old one', () => {
  const file = join(folder, 'a');
  writeFileSync(file, 'old', { mode: 0o644 });
  replaceFile(file, 'new', 0o600);
  expect(readFileSync(file, 'utf8')).toBe('new');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['a']);
});

test('replaceFile leaves nothing behind when it fails', () => {
  execFileSync('mkfifo', [join(folder, 'a')]);
  expect(() => replaceFile(join(folder, 'a'), 'new', 0o600)).toThrow(`${join(folder, 'a')} exists and is no file`);
  expect(() => replaceFile(join(folder, 'none', 'a'), 'new', 0o600)).toThrow('ENOENT');
  expect(readdirSync(folder)).toEqual(['a']);
  expect(statSync(join(folder, 'a')).isFIFO()).toBe(true);
});
