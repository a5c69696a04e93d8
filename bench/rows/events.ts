import path from 'node:path';
import { Agent } from '../harness/agent.ts';
import type { Bench } from '../harness/bench.ts';
import { settledEvents } from '../harness/export-file.ts';
import { fileOpenSpec, policySet } from '../harness/policies.ts';
import { cpuNsOf } from '../harness/process-state.ts';
import { measuredFile, runWorkload } from '../harness/workload.ts';
import type { Measurement, Row } from '../row.ts';

const family = 'events (one matching open+close)';
/** Reports each open of the measured file. */
export const matchingPolicy = policySet(1, () => fileOpenSpec('Equal', measuredFile));

const opens = 20_000;
/**
 * After these the code that runs for each event is compiled, as in an agent that has been up for a minute: some take more
 * than 4.3 seconds, in which the lower half of a time has had all of its values. A compiler that has seen only small ones
 * begins anew at the first large one.
 */
const warmUp: readonly Opens[] = [
  { count: 60_000, gapUs: 0 },
  { count: 5000, gapUs: 1000 },
  { count: 40_000, gapUs: 0 },
];
const fewOpens: readonly Opens[] = [{ count: 1000, gapUs: 0 }];
const trickleOpens = 500;
const trickleGapUs = 10_000;
const latencies = 500;

export const eventRows: readonly Row[] = [
  {
    id: 'events.kernel-part',
    family,
    title: 'kernel part: matched and posted',
    unit: 'instructions',
    machine: 'counting',
    target: 5000,
    tetragon: { value: 12_400 },
    measure: (bench) => bench.addedByProgram(matchingPolicy, 'open+close'),
  },
  {
    id: 'events.agent-part',
    family,
    title: 'agent, per event, JSON line in a file, 20,000 in a row',
    unit: 'instructions',
    machine: 'counting',
    target: 8000,
    tetragon: { value: 264_000, text: '242,000-286,000' },
    noisy: true,
    measure: (bench) => agentPart(bench, { warmUp, count: opens, gapUs: 0 }),
  },
  {
    id: 'events.agent-part-first',
    family,
    title: 'agent, per event, JSON line in a file, the first 20,000 after its start',
    unit: 'instructions',
    machine: 'counting',
    noisy: true,
    measure: (bench) => agentPart(bench, { warmUp: fewOpens, count: opens, gapUs: 0 }),
  },
  {
    id: 'events.agent-part-trickle',
    family,
    title: 'agent, per event, JSON line in a file, 100 a second',
    unit: 'instructions',
    machine: 'counting',
    noisy: true,
    measure: (bench) => agentPart(bench, { warmUp, count: trickleOpens, gapUs: trickleGapUs }),
  },
  ...(['p50', 'p99'] as const).map(
    (quantile): Row => ({
      id: `events.latency-${quantile}`,
      family,
      title: `from the call to its line in the file, ${quantile}`,
      unit: 'microseconds',
      machine: 'counting',
      noisy: true,
      measure: (bench) => latency(bench, quantile),
    }),
  ),
];

interface Opens {
  readonly count: number;
  readonly gapUs: number;
}

interface Load extends Opens {
  /** Events before those that count. */
  readonly warmUp: readonly Opens[];
}

/**
 * CPU time of the agent, and what its wake-ups cost the process that opens, per event: all that is not the opens
 * themselves and the kernel part of their events.
 */
async function agentPart(bench: Bench, { warmUp: before, count, gapUs }: Load): Promise<Measurement> {
  const { agent, exportFile } = await startWarm(bench, before);
  try {
    const opensOf = () => runWorkload('opens', measuredFile, String(count), String(gapUs));
    const stopped = await agent.whileStopped(opensOf);
    await drained(exportFile, sumOf(before) + count);
    const agentNs = cpuNsOf(agent.pid);
    const live = await opensOf();
    await drained(exportFile, sumOf(before) + 2 * count);
    const agentPerEvent = (cpuNsOf(agent.pid) - agentNs) / count;
    const wakeUpsPerEvent = (live['cpuNs']! - stopped['cpuNs']!) / count;
    return { value: agentPerEvent + wakeUpsPerEvent, details: { agentPerEvent, wakeUpsPerEvent } };
  } finally {
    await agent.stop();
  }
}

const measuredLatencies = new WeakMap<Bench, Promise<Record<string, number>>>();

/** Opens at uneven moments, and watches the file grow in steps of 20 µs; p50 and p99 are of the same run. */
async function latency(bench: Bench, quantile: 'p50' | 'p99'): Promise<Measurement> {
  const run = measuredLatencies.get(bench) ?? runLatencies(bench);
  measuredLatencies.set(bench, run);
  const found = await run;
  return { value: found[`${quantile}Ns`]! / 1000, details: { maxUs: found['maxNs']! / 1000 } };
}

async function runLatencies(bench: Bench): Promise<Record<string, number>> {
  const { agent, exportFile } = await startWarm(bench, warmUp);
  try {
    return await runWorkload('latency', measuredFile, exportFile, String(latencies));
  } finally {
    await agent.stop();
  }
}

/** An agent that has reported some events: the first ones compile the code they run. */
async function startWarm(bench: Bench, opensBefore: readonly Opens[]): Promise<{ agent: Agent; exportFile: string }> {
  await bench.endSharedAgent();
  const exportFile = path.join(bench.newFolder(), 'events.jsonl');
  const policies = bench.policyFolder(matchingPolicy);
  const agent = await Agent.start(['-o', 'none', '--export', exportFile, '--policy', policies]);
  for (const { count, gapUs } of opensBefore) await runWorkload('opens', measuredFile, String(count), String(gapUs));
  await drained(exportFile, sumOf(opensBefore));
  return { agent, exportFile };
}

/** Waits until the file has all events of the policy. */
async function drained(exportFile: string, count: number): Promise<void> {
  const found = await settledEvents(exportFile, () => count);
  if (found !== count) throw new Error(`${found} of ${count} events are in ${exportFile}`);
}

function sumOf(opensBefore: readonly Opens[]): number {
  return opensBefore.reduce((sum, { count }) => sum + count, 0);
}
