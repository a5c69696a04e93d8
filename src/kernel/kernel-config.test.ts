import { expect, test } from 'vitest';
import { findPreemption, type PreemptionSources, parseKernelConfig } from './kernel-config.ts';

function check(sources: Partial<PreemptionSources>, expected: string): void {
  const nothing = { build: '#1 SMP', debug: undefined, commandLine: undefined, config: undefined };
  expect(findPreemption({ ...nothing, ...sources })).toBe(expected);
}

test('findPreemption prefers what the kernel states over how it was built', () => {
  const config = parseKernelConfig('CONFIG_PREEMPT_VOLUNTARY=y\n# CONFIG_PREEMPT is not set\n');
  const build = '#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2';
  check({ build: '#1 SMP PREEMPT_RT' }, 'realtime');
  check({ build, debug: 'none voluntary (full) \n', commandLine: 'preempt=none', config }, 'full');
  check({ build, commandLine: 'quiet preempt=full', config }, 'full');
  check({ build, config }, 'voluntary');
  check({ build }, 'unknown');
  check({ build: '#1 SMP PREEMPT' }, 'full');
  check({ build: '#1 SMP', config: parseKernelConfig('CONFIG_PREEMPT_NONE=y') }, 'none');
  check({ build: '#1 SMP' }, 'voluntary');
});

test('parseKernelConfig keeps what is set', () => {
  const config = parseKernelConfig('# comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_LSM="a,b"\n');
  expect([...config]).toEqual([
    ['CONFIG_A', 'y'],
    ['CONFIG_LSM', '"a,b"'],
  ]);
});
