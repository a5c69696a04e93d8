import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ProcessModules } from './process-modules.ts';

const maps = [
  '5646b17e7000-5646b17e9000 r--p 00000000 fe:00 260131                     /usr/bin/cat',
  '5646b17e9000-5646b17ee000 r-xp 00002000 fe:00 260131                     /usr/bin/cat',
  '7f0000000000-7f0000001000 r-xp 00000000 00:00 0 ',
  '7f1000000000-7f1000001000 r-xp 00003000 fe:00 17                         /tmp/a b (deleted)',
  '7f2000000000-7f2000001000 r-xp 00000000 fe:00 18                         /tmp/two\\012lines',
  '7f3000000000-7f3000001000 r--p 00000000 fe:00 19                         /tmp/x\r1000-2000 r-xp 00000000 fe:00 1 /forged',
  '7f4000000000-7f4000001000 r-xp 00000000 fe:00 20                         /tmp/y\rz',
  '7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                          [vdso]',
  'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]',
];

let procfs: string;
beforeEach(() => {
  procfs = mkdtempSync(join(tmpdir(), 'jatai-maps-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(procfs, { recursive: true });
});

function write(pid: number, lines: readonly string[]): void {
  mkdirSync(join(procfs, String(pid)), { recursive: true });
  writeFileSync(join(procfs, String(pid), 'maps'), lines.map((line) => `${line}\n`).join(''));
}

function show(modules: ProcessModules, pid: number, address: bigint): string | undefined {
  const found = modules.find(pid, address);
  return found && `${found.module}+${found.offset}${found.symbol}`;
}

test.each<[string, bigint, string | undefined]>([
  ['the offset is that in the file', 0x5646b17e9010n, '/usr/bin/cat+8208'],
  ['the last byte', 0x5646b17edfffn, '/usr/bin/cat+28671'],
  ['behind the last byte', 0x5646b17ee000n, undefined],
  ['data', 0x5646b17e7000n, undefined],
  ['code without a file', 0x7f0000000000n, undefined],
  ['a path with spaces', 0x7f1000000001n, '/tmp/a b (deleted)+12289'],
  ['a path with a newline', 0x7f2000000000n, '/tmp/two\nlines+0'],
  ['a line forged by a path', 0x1000n, undefined],
  ['a path with a carriage return', 0x7f4000000000n, '/tmp/y\rz+0'],
  ['code of the kernel', 0x7ffc00000004n, '[vdso]+4'],
  ['the upper end of memory', 0xffffffffff600004n, '[vsyscall]+4'],
])('find: %s', (_, address, expected) => {
  write(1, maps);
  expect(show(new ProcessModules(procfs), 1, address)).toBe(expected);
});

test('find: a process is read again after two seconds, and may be gone', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  const modules = new ProcessModules(procfs);
  write(1, maps.slice(0, 2));
  expect(show(modules, 1, 0x7ffc00000000n)).toBeUndefined();
  write(1, maps);
  now.mockReturnValue(1999);
  expect(show(modules, 1, 0x7ffc00000000n)).toBeUndefined();
  now.mockReturnValue(2000);
  expect(show(modules, 1, 0x7ffc00000000n)).toBe('[vdso]+0');
  rmSync(join(procfs, '1'), { recursive: true });
  now.mockReturnValue(4000);
  expect(show(modules, 1, 0x7ffc00000000n)).toBeUndefined();
});

test('find: the process asked about longest ago is forgotten for the 257th', () => {
  vi.spyOn(performance, 'now').mockReturnValue(0);
  const modules = new ProcessModules(procfs);
  for (const pid of [1, 2]) {
    write(pid, maps);
    expect(show(modules, pid, 0x7ffc00000000n)).toBe('[vdso]+0');
    rmSync(join(procfs, String(pid)), { recursive: true });
  }
  for (let pid = 3; pid <= 256; pid++) modules.find(pid, 0n);
  expect(show(modules, 1, 0x7ffc00000000n)).toBe('[vdso]+0');
  modules.find(257, 0n);
  expect(show(modules, 1, 0x7ffc00000000n)).toBe('[vdso]+0');
  expect(show(modules, 2, 0x7ffc00000000n)).toBeUndefined();
});

test('find: the first 1024 mappings of code are known', () => {
  const line = (index: number): string => `${(0x1000 + index).toString(16)}-${(0x1001 + index).toString(16)}`;
  write(
    1,
    Array.from({ length: 1025 }, (_, index) => `${line(index)} r-xp 00000000 fe:00 1 /bin/many`),
  );
  const modules = new ProcessModules(procfs);
  expect(show(modules, 1, 0x13ffn)).toBe('/bin/many+0');
  expect(show(modules, 1, 0x1400n)).toBeUndefined();
});

test('find: a live process, and one that is gone', async () => {
  const child = spawn('sleep', ['60']);
  try {
    await once(child, 'spawn');
    const binary = readlinkSync(`/proc/${child.pid}/exe`);
    const text = readFileSync(`/proc/${child.pid}/maps`, 'utf8');
    const line = text.split('\n').find((line) => line.includes(' r-xp ') && line.endsWith(` ${binary}`));
    const [, start, offset] = line!.match(/^(\w+)-\w+ r-xp (\w+)/)!;
    expect(new ProcessModules().find(child.pid!, BigInt(`0x${start}`) + 5n)).toEqual({
      module: binary,
      offset: BigInt(`0x${offset}`) + 5n,
      symbol: '',
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(new ProcessModules().find(child.pid!, BigInt(`0x${start}`))).toBeUndefined();
  } finally {
    child.kill('SIGKILL');
  }
});
