import { expect, test } from 'vitest';
import type { Comparison } from '../cost/comparison.ts';
import { consoleTail, runInVm } from '../vm/run-in-vm.ts';

// `jatai policy cost` against what QEMU counts: one nanosecond of this guest is one instruction.

/** Part of the measured number; and so many instructions, for the cheapest calls. */
const tolerance = 0.1;
const slack = 20;
const timeoutSec = 1500;

test(
  'predicted costs are near counted instructions on 6.12',
  async () => {
    const { status, stdout, stderr, failure, console } = await runInVm({
      kernel: '6.12',
      command: ['node', 'test/cost/compare.ts'],
      icount: true,
      append: 'mitigations=off lsm=landlock,lockdown,capability,bpf',
      timeoutSec,
    });
    expect(failure === undefined ? '' : `${failure}\n${consoleTail(console)}`).toBe('');
    expect(status, stderr).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    const comparisons = lines.map((line) => JSON.parse(line) as Comparison);
    expect(comparisons.length).toBeGreaterThan(10);
    const far = comparisons.filter(
      ({ measured, predicted }) => Math.abs(predicted - measured) > tolerance * measured + slack,
    );
    expect(far).toEqual([]);
  },
  timeoutSec * 1000,
);
