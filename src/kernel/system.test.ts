import { expect, test } from 'vitest';
import { bootTimeNs, bootTimeOffsetNs, kernelVersion, possibleCpuCount, signalName, uname } from './system.ts';

test('kernelVersion finds the real version where distributions put it', () => {
  expect(kernelVersion('6.1.0-56-amd64', '#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-01-01)')).toEqual([6, 1, 192]);
  expect(kernelVersion('6.12.117+deb12-amd64', '#1 SMP PREEMPT_DYNAMIC')).toEqual([6, 12, 117]);
  expect(kernelVersion('7.0-rc1', '#1 SMP')).toEqual([7, 0, 0]);
  expect(() => kernelVersion('unknown', '')).toThrow('does not start with a version');
});

test('uname agrees with the process', () => {
  const { machine, version } = uname();
  expect(machine).toBe(process.arch === 'arm64' ? 'aarch64' : 'x86_64');
  expect(version[0]).toBeGreaterThanOrEqual(5);
});

test('bootTimeOffsetNs turns boot time into the wall clock', () => {
  const now = Number((bootTimeOffsetNs() + bootTimeNs()) / 1_000_000n);
  expect(Math.abs(now - Date.now())).toBeLessThan(1000);
});

test('possibleCpuCount is at least the CPUs there are', () => {
  expect(possibleCpuCount()).toBeGreaterThanOrEqual(1);
});

test('signalName names signals', () => {
  expect([1, 6, 9, 29, 34, 36, 0, 65].map(signalName)).toEqual([
    'SIGHUP',
    'SIGABRT',
    'SIGKILL',
    'SIGIO',
    'SIGRTMIN',
    'SIGRTMIN+2',
    '0',
    '65',
  ]);
});
