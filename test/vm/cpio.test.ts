import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { cpioFile, cpioFolder, writeCpio } from './cpio.ts';

test('writeCpio pads names and contents to four bytes and ends with the trailer', () => {
  const archive = writeCpio([cpioFolder('a'), cpioFile('a/b', 'hello', 0o755)]);
  const text = archive.toString('latin1');
  expect(archive.length % 4).toBe(0);
  expect(text.split('070701').length - 1).toBe(3);
  expect(text).toContain('a/b\0');
  expect(text).toContain(`hello\0\0\0${'070701'}`);
  expect(text).toContain('TRAILER!!!\0');
});

test('writeCpio is readable by busybox', (ctx) => {
  const archive = writeCpio([cpioFolder('folder'), cpioFile('folder/file', 'x'.repeat(1001), 0o640)]);
  const { stdout, error } = spawnSync('busybox', ['cpio', '-tv'], { input: archive, encoding: 'utf8' });
  if (error !== undefined) return ctx.skip(`busybox: ${error.message}`);
  expect(stdout).toMatch(/^drwxr-xr-x.*folder$/m);
  expect(stdout).toMatch(/^-rw-r-----.* 1001 .*folder\/file$/m);
});
