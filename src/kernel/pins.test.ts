import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { BpfMap } from './bpf-map.ts';
import { bpffsPath, FolderLock, listPins, makePinFolder, nameOfPin, openPinned, pinName, removePins } from './pins.ts';

const isRoot = process.geteuid?.() === 0;
if (!isRoot) console.warn('skipped: pins: needs root');

test('names of attach points become file names and back', () => {
  for (const name of ['lsm:file_open', 'tracepoint:sched/sched_switch return', 'kprobe:f.isra.0', 'a+b', 'ä']) {
    expect(pinName(name)).toMatch(/^[\w:+-]+$/);
    expect(nameOfPin(pinName(name))).toBe(name);
  }
  expect(pinName('a/b')).not.toBe(pinName('a.b'));
  expect(() => pinName('/'.repeat(100))).toThrow('ENAMETOOLONG');
});

test('folders are below the bpffs', () => {
  expect(bpffsPath('a/b', '/sys/fs/bpf')).toBe('/sys/fs/bpf/a/b');
  expect(bpffsPath('/sys/fs/bpf/a', '/sys/fs/bpf')).toBe('/sys/fs/bpf/a');
  for (const name of ['', '.', '..', '../bpf2', '/etc', 'a/..'])
    expect(() => bpffsPath(name, '/sys/fs/bpf')).toThrow(/it is no folder below \/sys\/fs\/bpf/);
});

describe.skipIf(!isRoot)('on a bpffs', () => {
  const folder = isRoot ? bpffsPath(`jatai-test-${process.pid}`) : '';
  const definition = { type: 'array', name: 'pinned', keySize: 4, valueSize: 4, maxEntries: 1 } as const;

  afterEach(() => removePins(folder));

  test('a folder is ours alone', () => {
    makePinFolder(folder);
    makePinFolder(folder);
    chmodSync(folder, 0o777);
    expect(() => makePinFolder(folder)).toThrow(/mode 777, so that others may have put programs there/);
  });

  test('what is pinned stays until it is removed, in the order asked for', () => {
    makePinFolder(path.join(folder, 'inner'));
    {
      using map = BpfMap.create(definition);
      for (const name of ['a', 'link']) map.pin(path.join(folder, 'inner', name));
    }
    using map = BpfMap.fromFd(openPinned(path.join(folder, 'inner', 'a')));
    expect(map.name).toBe('pinned');
    const removed: string[] = [];
    removePins(folder, ['link'], (file) => removed.push(path.relative(folder, file)));
    expect(removed).toEqual(['inner/link', 'inner/a', 'inner', '']);
    expect(existsSync(folder)).toBe(false);
    expect(listPins(folder)).toEqual([]);
  });

  test('one process at a time has the lock of a folder, and loses it when it dies', () => {
    mkdirSync(folder);
    const first = FolderLock.tryLock(folder);
    expect(first).toBeDefined();
    expect(FolderLock.tryLock(folder)).toBeUndefined();
    first!.close();
    const { status } = spawnSync('flock', ['--nonblock', folder, 'sh', '-c', 'kill -9 $$']);
    expect(status).not.toBe(1);
    FolderLock.tryLock(folder)!.close();
  });
});
