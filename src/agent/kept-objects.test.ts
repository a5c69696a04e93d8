import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { bpffsPath, listPins, makePinFolder, removePins } from '../kernel/pins.ts';
import { listKeptObjects, removeKeptObjects } from './kept-objects.ts';

const isRoot = process.geteuid?.() === 0;

describe.skipIf(!isRoot)(`what agents keep${isRoot ? '' : ' (skipped: it needs root)'}`, () => {
  const name = `jatai-kept-${process.pid}`;
  const folder = isRoot ? bpffsPath(name) : '';

  afterEach(() => removePins(folder));

  function keep(...names: string[]): void {
    makePinFolder(folder);
    for (const child of names) mkdirSync(path.join(folder, child));
  }

  test('is removed with its folder', () => {
    keep('base-1', 'hooks-1', 'new-base-2');
    expect(listKeptObjects(name)).toHaveLength(3);
    expect(removeKeptObjects(name)).toHaveLength(4);
    expect(listKeptObjects(name)).toEqual([]);
    expect(removeKeptObjects(name)).toEqual([]);
  });

  test('is all that is removed: others may have pinned something beside it', () => {
    keep('base-1', 'maps-of-others');
    expect(listKeptObjects(name)).toEqual([path.join(folder, 'base-1')]);
    expect(removeKeptObjects(name)).toEqual([path.join(folder, 'base-1')]);
    expect(listPins(folder)).toEqual(['maps-of-others']);
  });

  test('is never outside of the bpffs', () => {
    expect(() => removeKeptObjects('/tmp')).toThrow('it is no folder below');
    expect(() => listKeptObjects('..')).toThrow('it is no folder below');
  });
});
