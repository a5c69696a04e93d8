import { expect, test } from 'vitest';
import { exampleFacts, factsWithout } from '../../test/filter/example-facts.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import { agentInfo } from './info.ts';
import type { Probe } from './messages.ts';

function probesOf(facts: KernelFacts): Record<string, boolean> {
  const { probes } = agentInfo({ version: '1', facts, configuration: {} }) as { probes: Probe[] };
  return Object.fromEntries(probes.map(({ Name, Enabled }) => [Name, Enabled.value]));
}

test('what policies cannot have here is not there, though the kernel may have it', () => {
  expect(exampleFacts.features.kprobeOverride.available).toBe(true);
  expect(probesOf(exampleFacts)).toMatchObject({ override_return: false, fmodret_syscall: false, fmodret: true });
});

test('what is done in another way is there', () => {
  expect(probesOf(factsWithout('fmodRet')).fmodret).toBe(true);
  expect(probesOf(factsWithout('fmodRet', 'lsm')).fmodret).toBe(false);
});
