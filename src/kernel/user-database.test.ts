import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { PasswdFile, parsePasswd } from './user-database.ts';

test('names are those of the first line of an id; lines of another form are passed over', () => {
  const text =
    'root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n# no\n+::::\n:x:5:5\nnobody:x:65534:65534\nbad:x:-1:0\n';
  expect([...parsePasswd(text)]).toEqual([
    [0, 'root'],
    [65534, 'nobody'],
  ]);
});

test('a file that was replaced is read again, one that is gone keeps its names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-passwd-'));
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  try {
    const path = join(folder, 'passwd');
    writeFileSync(path, 'alice:x:1000:1000\n');
    const users = new PasswdFile(path);
    expect(users.nameOf(1000)).toBe('alice');
    expect(users.nameOf(1001)).toBeUndefined();
    writeFileSync(join(folder, 'new'), 'alice:x:1000:1000\nbob:x:1001:1001\n');
    renameSync(join(folder, 'new'), path);
    expect(users.nameOf(1001)).toBeUndefined();
    now.mockReturnValue(1000);
    expect(users.nameOf(1001)).toBe('bob');
    rmSync(path);
    now.mockReturnValue(2000);
    expect(users.nameOf(1001)).toBe('bob');
  } finally {
    now.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
