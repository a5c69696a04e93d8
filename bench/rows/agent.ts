import { tracingPolicy } from '../../test/kernel/harness/policy-text.ts';
import { Agent } from '../harness/agent.ts';
import { type Bench, type PolicyFiles, writePolicies } from '../harness/bench.ts';
import { fileOpenSpec, policySet } from '../harness/policies.ts';
import { measuredFile, runWorkload } from '../harness/workload.ts';
import type { Measurement, Row } from '../row.ts';

const family = 'the agent';
const starts = 3;
const updates = 3;

/** Waiting for the agent: seconds of a clock that counts instructions, 10^9 to the second. */
export const agentRows: readonly Row[] = [
  {
    id: 'agent.start',
    family,
    title: 'start until ready',
    unit: 'seconds',
    machine: 'counting',
    target: 2.5,
    tetragon: { value: 7, text: '6.5-7.5 s' },
    noisy: true,
    measure: (bench) => start(bench, {}),
  },
  {
    id: 'agent.start.50',
    family,
    title: 'start until ready with 50 policies on one hook',
    unit: 'seconds',
    machine: 'counting',
    noisy: true,
    measure: (bench) => start(bench, otherPolicies(50)),
  },
  ...[0, 50, 1000].map(
    (count): Row => ({
      id: `agent.add-policy.${count}`,
      family,
      title: `adding a policy to ${count === 0 ? 'none' : count.toLocaleString('en-US')} on one hook, until it enforces`,
      unit: 'seconds',
      machine: 'counting',
      ...(count === 1000 ? {} : { target: 0.5, tetragon: { value: 5.1, text: '4.5-5.7 s' } }),
      noisy: true,
      measure: (bench) => addPolicy(bench, count),
    }),
  ),
];

function otherPolicies(count: number): PolicyFiles {
  return policySet(count, (index) => fileOpenSpec('Prefix', `/opt/other-${index}/`));
}

/** The best of some starts: the first ones read files that are not in the guest's memory yet. */
async function start(bench: Bench, files: PolicyFiles): Promise<Measurement> {
  await bench.endSharedAgent();
  const policies = bench.policyFolder(files);
  const seconds: number[] = [];
  for (let index = 0; index < starts; index++) {
    const agent = new Agent(['-o', 'none', '--policy', policies]);
    seconds.push(await agent.ready());
    await agent.stop();
  }
  return { value: Math.min(...seconds), details: { first: seconds[0]! } };
}

/**
 * From before the file is written and the agent told until a process that opens in steps of a millisecond is refused.
 * The others are on the same lsm hook and share its program.
 */
async function addPolicy(bench: Bench, count: number): Promise<Measurement> {
  await bench.endSharedAgent();
  const others = policySet(count, (index) => lsmSpec('Prefix', `/opt/other-${index}/`));
  const policies = bench.policyFolder(others);
  const agent = await Agent.start(['-o', 'none', '--policy', policies]);
  try {
    const seconds: number[] = [];
    for (let index = 0; index < updates; index++) {
      seconds.push(await untilRefused(agent, policies, { ...others, 'zz-refuse.yaml': refusal }));
      writePolicies(policies, others);
      await agent.reload();
    }
    return { value: Math.min(...seconds), details: { first: seconds[0]! } };
  } finally {
    await agent.stop();
  }
}

async function untilRefused(agent: Agent, folder: string, files: PolicyFiles): Promise<number> {
  const refused = runWorkload('until-refused', measuredFile);
  const startNs = process.hrtime.bigint();
  writePolicies(folder, files);
  const [{ atNs }] = await Promise.all([refused, agent.reload()]);
  return (atNs! - Number(startNs)) / 1e9;
}

function lsmSpec(operator: string, value: string, action = 'Post'): string {
  return `lsmhooks:
- hook: file_open
  args:
  - {index: 0, type: file}
  selectors:
  - matchArgs:
    - {index: 0, operator: ${operator}, values: ["${value}"]}
    matchActions:
    - {action: ${action}${action === 'Override' ? ', argError: -1' : ''}}`;
}

const refusal = tracingPolicy('refuse', lsmSpec('Equal', measuredFile, 'Override'));
