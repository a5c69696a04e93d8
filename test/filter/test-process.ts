import { readFileSync } from 'node:fs';
import { readNamespaces } from '../../src/kernel/namespaces.ts';
import type { HookInput } from '../../src/policy/reference-evaluator.ts';

/** What filters compare of the process that runs the test; its binary is what the test says. */
export type TestProcess = Omit<HookInput['process'], 'binary'>;

/** `tgid` is the pid as the kernel's programs see it, which differs from ours inside a pid namespace. */
export function readTestProcess(tgid: number): TestProcess {
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name: string) => {
    const found = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status);
    if (found === null) throw new Error(`/proc/self/status has no ${name}`);
    return found[1]!.trim();
  };
  return {
    pid: tgid,
    namespacePid: Number(field('NSpid').split(/\s+/).at(-1)),
    namespaces: readNamespaces('/proc/self') as TestProcess['namespaces'],
    capabilities: {
      effective: BigInt(`0x${field('CapEff')}`),
      inheritable: BigInt(`0x${field('CapInh')}`),
      permitted: BigInt(`0x${field('CapPrm')}`),
    },
  };
}
