import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { moduleLoadOrder } from './kernel-modules.ts';

const release = '6.0.0-test';
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'kernel-modules-'));
  mkdirSync(path.join(folder, 'lib/modules', release), { recursive: true });
  writeFileSync(
    path.join(folder, 'lib/modules', release, 'modules.dep'),
    [
      'kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko',
      'kernel/net/9p/9pnet.ko: kernel/fs/netfs/netfs.ko',
      'kernel/fs/netfs/netfs.ko:',
      'kernel/drivers/net/some-net.ko.xz:',
      '',
    ].join('\n'),
  );
});

afterEach(() => rmSync(folder, { recursive: true }));

async function order(...names: string[]): Promise<string[]> {
  return (await moduleLoadOrder(names, release, folder)).map((file) => path.basename(file));
}

test('moduleLoadOrder puts dependencies first and each module once', async () => {
  expect(await order('9p', '9pnet')).toEqual(['netfs.ko', '9pnet.ko', '9p.ko']);
});

test('moduleLoadOrder takes dashes for underscores and any compression', async () => {
  expect(await order('some_net')).toEqual(['some-net.ko.xz']);
});

test('moduleLoadOrder leaves out what is built into the kernel', async () => {
  expect(await order('virtio_pci')).toEqual([]);
});
