import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from '../harness/agent.ts';
import type { Bench, PolicyFiles } from '../harness/bench.ts';
import { bpfMemoryBytes } from '../harness/bpf-state.ts';
import { fileOpenSpec, policySet } from '../harness/policies.ts';
import { residentMegabytes } from '../harness/process-state.ts';
import type { Measurement, Row } from '../row.ts';

const family = 'memory';
const settleMs = 5000;
const fewPolicies = 10;
const morePolicies = 210;

export const memoryRows: readonly Row[] = [
  {
    id: 'memory.idle',
    family,
    title: 'resident, idle, 5 s after the start',
    unit: 'megabytes',
    machine: 'ordinary',
    target: 80,
    tetragon: { value: 99, text: '88-110 MB' },
    noisy: true,
    measure: (bench) => resident(bench, {}),
  },
  {
    id: 'memory.50-policies',
    family,
    title: 'resident, 50 policies',
    unit: 'megabytes',
    machine: 'ordinary',
    target: 85,
    tetragon: { value: 163 },
    noisy: true,
    measure: (bench) => resident(bench, otherPolicies(50)),
  },
  ...(['counting', 'ordinary'] as const).map(
    (machine): Row => ({
      id: `memory.kernel-per-policy.${machine === 'counting' ? 1 : 2}-cpu`,
      family,
      title: `kernel, per extra policy, ${machine === 'counting' ? '1 CPU' : '2 CPUs'}`,
      unit: 'kilobytes',
      machine,
      target: 4,
      tetragon: { value: 290, text: '250-330 KB' },
      measure: kernelPerPolicy,
    }),
  ),
];

function otherPolicies(count: number): PolicyFiles {
  return policySet(count, (index) => fileOpenSpec('Prefix', `/opt/other-${index}/`));
}

async function resident(bench: Bench, files: PolicyFiles): Promise<Measurement> {
  await bench.endSharedAgent();
  const agent = await Agent.start(['-o', 'none', '--policy', bench.policyFolder(files)]);
  try {
    const atReady = residentMegabytes(agent.pid);
    await sleep(settleMs);
    return { value: residentMegabytes(agent.pid), details: { atReady } };
  } finally {
    await agent.stop();
  }
}

/** From what 10 and 210 policies on one hook are charged for: programs and maps, by the kernel's own account. */
async function kernelPerPolicy(bench: Bench): Promise<Measurement> {
  await bench.agentWith({});
  const idle = await bpfMemoryBytes();
  await bench.agentWith(otherPolicies(fewPolicies));
  const few = await settledMemory();
  await bench.agentWith(otherPolicies(morePolicies));
  const more = await settledMemory();
  const perPolicy = (more - few) / (morePolicies - fewPolicies) / 1000;
  return { value: perPolicy, details: { idleKilobytes: idle / 1000, firstTenKilobytes: (few - idle) / 1000 } };
}

/** The kernel frees what was replaced some time after it is gone. */
async function settledMemory(): Promise<number> {
  let last = await bpfMemoryBytes();
  for (let equal = 0; equal < 3; ) {
    await sleep(1000);
    const now = await bpfMemoryBytes();
    equal = now === last ? equal + 1 : 0;
    last = now;
  }
  return last;
}
