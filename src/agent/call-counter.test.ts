import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { RunStatistics } from '../kernel/program-stats.ts';
import { countCalls } from './call-counter.ts';
import { instructionTimeNs, measuringTimeNs } from './machine-speed.ts';

const missing = process.getuid?.() === 0 ? '' : ' (skipped: loading programs needs root)';

describe.skipIf(missing !== '')(`on this kernel${missing}`, () => {
  test('calls are counted, and places that cannot be are named with the reason', async () => {
    const open = setInterval(() => readFileSync('/proc/self/stat'), 1);
    const { rates, failures } = await countCalls(['tp/syscalls/sys_enter_openat', 'tp/no/such_event'], 300);
    clearInterval(open);
    expect(rates.get('tp/syscalls/sys_enter_openat')).toBeGreaterThan(10);
    expect(failures.get('tp/no/such_event')).toContain('such_event');
  });

  test('an instruction takes some fraction of a nanosecond, or several where it is emulated', () => {
    expect(instructionTimeNs()).toBeGreaterThan(0.01);
    expect(instructionTimeNs()).toBeLessThan(100);
  });

  test('measuring a program takes time', () => {
    using _statistics = new RunStatistics();
    expect(measuringTimeNs()).toBeGreaterThan(0);
    expect(measuringTimeNs()).toBeLessThan(100_000);
  });
});
