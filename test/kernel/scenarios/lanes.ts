import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentEvent } from '../harness/event-log.ts';
import { matches, type Pattern } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { OwnAgent, ScenarioContext } from '../harness/scenario-context.ts';

const call = triggerProgram('call');
const flooders = 4;
/** Small, so that a flood of seconds fills it. */
const ringSize = '64K';
const lossReportMs = 2500;

/** Every call is answered with a signal that nobody minds (SIGURG): an enforced action each. */
const floodPolicy = tracingPolicy(
  'flood',
  `kprobes:
- call: sys_getcpu
  syscall: true
  args:
  - {index: 0, type: uint64}
  selectors:
  - matchBinaries:
    - {operator: In, values: ["${call}"]}
    matchActions:
    - {action: Signal, argSig: 23}`,
);

const victimPolicy = tracingPolicy(
  'victim',
  `kprobes:
- call: sys_ptrace
  syscall: true
  args:
  - {index: 0, type: uint64}
  selectors:
  - matchBinaries:
    - {operator: In, values: ["${call}"]}
    matchActions:
    - {action: Sigkill}`,
);

function lsmPolicy(name: string, file: string): string {
  return tracingPolicy(
    name,
    `lsmhooks:
- hook: file_open
  args:
  - {index: 0, type: file}
  selectors:
  - matchArgs:
    - {index: 0, operator: Equal, values: ["${file}"]}
    matchActions:
    - {action: Override, argError: -1}`,
  );
}

/** Runs the flood and then the victim while the agent stands still; returns its events and what its log says was lost. */
async function behindTheAgentsBack(
  context: ScenarioContext,
  flood: readonly string[],
  victim: () => Promise<void>,
): Promise<{ events: AgentEvent[]; lost: Map<string, number>; flooded: number }> {
  const agent = await context.startAgent(['--policy', context.policyFolder, '--ring-size', ringSize]);
  agent.process.kill('SIGSTOP');
  const floods = await Promise.all(Array.from({ length: flooders }, () => context.must(flood)));
  await victim();
  agent.process.kill('SIGCONT');
  await sleep(lossReportMs);
  assert.equal((await agent.process.stop()).status, 0);
  const flooded = floods.reduce((sum, { stdout }) => sum + Number(stdout.trim().split(' ').at(-1)), 0);
  return { events: agent.events.read(), lost: lossesOf(agent), flooded };
}

function lossesOf(agent: OwnAgent): Map<string, number> {
  const sums = new Map<string, number>();
  for (const line of agent.process.stderr().split('\n')) {
    if (!line.startsWith('{') || !line.includes('"lost"')) continue;
    for (const [name, count] of Object.entries((JSON.parse(line) as { lost: Record<string, number> }).lost))
      sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return sums;
}

function countOf(events: readonly AgentEvent[], pattern: Pattern): number {
  return events.filter((event) => matches(event, pattern)).length;
}

function assertInOrder(events: readonly AgentEvent[]): void {
  /* A task may be preempted between its look at the clock and its place in the ring. The rings are seconds apart. */
  const toleratedMs = 500;
  const times = events.filter(({ process_exec }) => process_exec === undefined).map(({ time }) => Date.parse(time));
  const behind = times.findIndex((time, index) => index > 0 && time < times[index - 1]! - toleratedMs);
  assert.equal(behind, -1, `event ${behind} is older than the one before it`);
}

export const laneScenarios: readonly Scenario[] = [
  {
    name: 'a flood of enforced actions that fills the ring costs another process neither its denial nor its exec and exit',
    agent: 'own',
    async trigger(context) {
      context.writePolicies({ 'flood.yaml': floodPolicy, 'victim.yaml': victimPolicy });
      const burst = context.isEmulated ? '8000' : '30000';
      const { events, lost, flooded } = await behindTheAgentsBack(
        context,
        ['./call', 'getcpu-burst', burst],
        async () => {
          assert.equal((await context.run(['./call', 'ptrace', '0', '0'])).signal, 'SIGKILL');
        },
      );
      const victim = { policy_name: 'victim', action: 'KPROBE_ACTION_SIGKILL', process: { binary: call } };
      assert.equal(countOf(events, { process_kprobe: victim }), 1);
      assert.equal(countOf(events, { process_exec: { process: { arguments: 'ptrace 0 0' } } }), 1);
      assert.equal(countOf(events, { process_exit: { process: { arguments: 'ptrace 0 0' }, signal: 'SIGKILL' } }), 1);
      const delivered = countOf(events, { process_kprobe: { policy_name: 'flood' } });
      const counted = (lost.get('SHARE_USED_DENIAL') ?? 0) + (lost.get('RING_FULL_DENIAL') ?? 0);
      context.measured.push(`${delivered} of ${flooded} denials of ${flooders} flooders delivered, ${counted} counted`);
      assert.equal(delivered + counted, flooded);
      assert.ok(counted > 0, 'the flood did not fill the ring');
      assertInOrder(events);
    },
  },
  {
    name: 'a flood of refused opens that fills the ring does not cost another process its refusal',
    agent: 'own',
    needs: ['lsm'],
    async trigger(context) {
      const [flooded, precious] = [context.file('flooded', ''), context.file('precious', '')];
      context.writePolicies({
        'flood.yaml': lsmPolicy('flood', flooded),
        'victim.yaml': lsmPolicy('victim', precious),
      });
      const { events, lost } = await behindTheAgentsBack(context, ['./call', 'open-for', flooded, '1500'], async () => {
        assert.equal((await context.must(['./call', 'openat', precious, '0'])).stdout, '-1\n');
      });
      const victim = { policy_name: 'victim', action: 'KPROBE_ACTION_OVERRIDE', process: { binary: call } };
      assert.equal(countOf(events, { process_lsm: victim }), 1);
      assert.ok((lost.get('SHARE_USED_DENIAL') ?? 0) > 0, 'the flood did not fill the ring');
      assertInOrder(events);
    },
  },
];
