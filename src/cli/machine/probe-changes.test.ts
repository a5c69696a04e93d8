import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { KernelFacts, KernelFeature } from '../../compiler/kernel-facts.ts';
import { policyAbilities } from './policy-abilities.ts';
import { suggestChanges } from './probe-changes.ts';
import { readFactsFile } from './read-facts.ts';

const fixtures = join(import.meta.dirname, '..', '..', '..', 'test', 'fixtures', 'facts');
const debian = readFactsFile(join(fixtures, 'debian-6.12.json'));
const withoutKprobes = readFactsFile(join(fixtures, 'no-kprobes-6.18.json'));

function without(facts: KernelFacts, feature: KernelFeature, reason: string): KernelFacts {
  return { ...facts, features: { ...facts.features, [feature]: { available: false, reason } } };
}

const inactiveLsm =
  "BPF LSM is built in but not active: add bpf to the kernel's command line (lsm=yama,bpf) and reboot";

describe('policyAbilities', () => {
  const mechanisms = (facts: KernelFacts) =>
    Object.fromEntries(policyAbilities(facts).map(({ what, works, mechanism }) => [what, works && mechanism]));

  test('follows the attach planner', () => {
    const without_lsm = without(debian, 'lsm', inactiveLsm);
    expect(mechanisms(debian)).toMatchObject({
      'kprobes and fentries on functions': 'fentry',
      'return values of functions': 'fexit',
      'Override in lsmhooks': 'lsm',
      'Override in system calls': false,
    });
    expect(mechanisms(without_lsm)).toMatchObject({ 'Override in lsmhooks': 'fmod_ret', lsmhooks: 'fentry' });
    expect(mechanisms(withoutKprobes)).toMatchObject({
      'kprobes and fentries on functions': false,
      'kprobes on system calls': 'syscall_tracepoint',
      'return values of system calls': 'tracepoint',
      'Sigkill and Signal in system calls': 'syscall_tracepoint',
    });
  });

  test('names the features that are lacking', () => {
    const lacking = policyAbilities(withoutKprobes).find(({ what }) => what === 'Override in lsmhooks');
    expect(lacking?.lacks).toEqual(['fmodRet', 'lsm']);
    expect(lacking?.alternative).toContain('use Sigkill');
  });
});

describe('suggestChanges', () => {
  const changes = (facts: KernelFacts, isRoot = true) => suggestChanges(facts, isRoot).map(({ change }) => change);

  test('finds nothing to change where everything works', () => {
    expect(changes(debian)).toEqual([]);
  });

  test('names the boot parameter of an inactive BPF LSM', () => {
    expect(changes(without(debian, 'lsm', inactiveLsm))).toEqual([inactiveLsm]);
  });

  test('warns of preemption only where enforcement can be skipped', () => {
    expect(changes({ ...debian, preemption: 'full' })).toEqual([]);
    expect(changes({ ...without(debian, 'lsm', inactiveLsm), preemption: 'full' })).toContain(
      'boot with preempt=voluntary (it is full)',
    );
  });

  test('names the build options for kernel functions, and what forbids programs to root', () => {
    expect(changes(withoutKprobes)).toEqual([
      expect.stringContaining('find out what forbids BPF programs'),
      expect.stringContaining('CONFIG_KPROBES=y'),
    ]);
  });

  test('first of all wants to be root', () => {
    expect(changes(debian, false)).toEqual(['run jatai as root']);
  });
});
