import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readProcesses, readStat } from './procfs.ts';
import { parseStat, parseStatus } from './procfs-parse.ts';
import { bootTimeNs } from './system.ts';

test('readProcesses describes this process', () => {
  const self = readProcesses().find(({ pid }) => pid === process.pid);
  expect(self).toMatchObject({
    pid: process.pid,
    parentPid: process.ppid,
    uid: process.getuid?.(),
    cwd: Buffer.from(process.cwd()),
    kernelThread: false,
    binaryDeleted: false,
  });
  expect(self?.inInitTree).toBe((self?.pidNamespaceDepth ?? 0) > 1);
  expect(self?.binary.toString()).toMatch(/node$/);
  expect(self?.arguments.toString()).toContain('node');
  expect(self?.startTimeNs).toBeGreaterThan(0n);
  expect(self?.startTimeNs).toBeLessThan(bootTimeNs());
  expect(self?.namespaces['mnt']).toBeGreaterThan(0);
});

test('readProcesses shows a deleted binary, odd arguments and an odd name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-procfs-'));
  const binary = join(folder, 'a) R 1 (b');
  copyFileSync('/bin/sleep', binary);
  const child = spawn(binary, ['100'], { stdio: 'ignore', cwd: folder });
  await once(child, 'spawn');
  rmSync(folder, { recursive: true });
  try {
    expect(readProcesses().find(({ pid }) => pid === child.pid)).toMatchObject({
      parentPid: process.pid,
      command: 'a) R 1 (b',
      binary: Buffer.from(binary),
      binaryDeleted: true,
      arguments: Buffer.from([binary, '100', ''].join('\0')),
    });
  } finally {
    child.kill();
  }
});

const busybox = '/bin/busybox';
const cannotChangeRoot =
  process.getuid?.() !== 0 ? 'only root may change the root' : existsSync(busybox) ? '' : `${busybox} is not installed`;

test.skipIf(cannotChangeRoot !== '')(`paths are those a process sees from its root ${cannotChangeRoot}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-procfs-'));
  mkdirSync(join(folder, 'bin'));
  copyFileSync(busybox, join(folder, 'bin/sleep'));
  const child = spawn('chroot', [folder, '/bin/sleep', '100'], { stdio: 'ignore' });
  const own = () => readProcesses().find(({ pid }) => pid === child.pid);
  try {
    await vi.waitFor(() => expect(own()?.command).toBe('sleep'), 10_000);
    expect(own()).toMatchObject({ binary: Buffer.from('/bin/sleep'), cwd: Buffer.from('/') });
  } finally {
    child.kill();
    rmSync(folder, { recursive: true });
  }
});

test('readProcesses leaves out what has ended and only waits for its parent', async () => {
  const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 100'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(output.toString());
    await vi.waitFor(() => expect(readStat(child)?.ended).toBe(true), 10_000);
    const pids = readProcesses().map(({ pid }) => pid);
    expect(pids).toContain(parent.pid);
    expect(pids).not.toContain(child);
  } finally {
    parent.kill();
  }
});

test('readProcesses includes kernel threads and the first process', () => {
  const processes = readProcesses();
  const first = processes.find(({ pid }) => pid === 1);
  expect(first).toMatchObject({ parentPid: 0, kernelThread: false, pidInNamespace: expect.any(Number) });
  for (const thread of processes.filter(({ kernelThread }) => kernelThread)) {
    expect(thread).toMatchObject({ inInitTree: false });
    expect(thread.binary).toHaveLength(0);
    expect(thread.arguments).toHaveLength(0);
  }
});

test('parseStat survives parentheses and blanks in the command', () => {
  const numbers = Array.from({ length: 48 }, (_, index) => index);
  numbers[5] = 0x0020_0040;
  numbers[18] = 250;
  expect(parseStat(`12 (a) S 7 (b) S ${numbers.join(' ')}\n`)).toEqual({
    command: 'a) S 7 (b',
    parentPid: 0,
    startTimeNs: 2_500_000_000n,
    kernelThread: true,
    ended: false,
    argumentsAddress: 44n,
  });
  expect(() => parseStat('12 (a) S 1')).toThrow('is not understood');
});

test.each([
  ['S', 1, false],
  ['Z', 1, true],
  ['X', 0, true],
  ['Z', 2, false],
])('parseStat of state %s with %i threads: ended %s', (state, threads, ended) => {
  const numbers = Array.from({ length: 48 }, () => 0);
  numbers[16] = threads;
  expect(parseStat(`12 (a) ${state} ${numbers.join(' ')}\n`).ended).toBe(ended);
});

test('parseStatus reads credentials, capabilities and the innermost pid', () => {
  const text = [
    'Name:\tx',
    'Uid:\t1000\t0\t0\t7',
    'Gid:\t1\t2\t3\t4',
    'NSpid:\t4711\t12\t1',
    'CapInh:\t0000000000000000',
    'CapPrm:\t000001ffffffffff',
    'CapEff:\t00000000a80425fb',
  ].join('\n');
  expect(parseStatus(text)).toEqual({
    credentials: { uid: 1000, euid: 0, suid: 0, fsuid: 7, gid: 1, egid: 2, sgid: 3, fsgid: 4 },
    capabilities: { inheritable: 0n, permitted: 0x1ff_ffff_ffffn, effective: 0xa80425fbn },
    pidInNamespace: 1,
    pidNamespaceDepth: 3,
  });
  expect(() => parseStatus('Name:\tx')).toThrow('has no line "Uid"');
});
