import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { hasKernelBtf, KernelBtf } from './kernel-btf.ts';

test('KernelBtf gives its memory back and reads it again', async (context) => {
  if (!hasKernelBtf()) return context.skip('the kernel has no BTF');
  const btf = new KernelBtf();
  const { file } = btf;
  const id = file.findFunction('vfs_read');
  expect(id).toBeGreaterThan(0);
  expect(btf.file).toBe(file);
  while (btf.file === file) await sleep(100);
  expect(btf.file.findFunction('vfs_read')).toBe(id);
});
