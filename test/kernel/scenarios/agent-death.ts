import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BpfObjects, listBpfObjects, waitForBpfObjects } from '../harness/bpf-objects.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { OwnAgent, ScenarioContext } from '../harness/scenario-context.ts';

const call = triggerProgram('call');

/** What blocks where it can: opens are refused by lsm, or else writes end in a signal. */
function blockingPolicies(context: ScenarioContext): Record<string, string> {
  const file = context.path('blocked');
  const open = tracingPolicy(
    'block-open',
    `
    lsmhooks:
    - hook: file_open
      args:
      - {index: 0, type: file}
      selectors:
      - matchArgs:
        - {index: 0, operator: Equal, values: ["${file}"]}
        matchActions:
        - {action: Override, argError: -1}`,
  );
  const openat = tracingPolicy(
    'kill-open',
    `
    kprobes:
    - call: sys_openat
      syscall: true
      args:
      - {index: 1, type: string}
      selectors:
      - matchBinaries:
        - {operator: In, values: ["${call}"]}
        matchArgs:
        - {index: 1, operator: Equal, values: ["${file}"]}
        matchActions:
        - {action: Sigkill}`,
  );
  return context.facts.features.lsm.available ? { 'open.yaml': open } : { 'openat.yaml': openat };
}

async function isBlocked(context: ScenarioContext): Promise<boolean> {
  const { stdout, signal } = await context.run(['./call', 'openat', context.path('blocked'), '0']);
  return signal === 'SIGKILL' || stdout === '-1\n';
}

type Moment = (context: ScenarioContext, agent: OwnAgent) => Promise<void>;

/** At any moment of its start, which takes about `startMs`. */
const duringStart =
  (fraction: number, startMs: () => number): Moment =>
  () =>
    sleep(fraction * startMs());

const whenReady: Moment = async (context, agent) => {
  await agent.process.waitReady();
  assert.ok(await isBlocked(context), 'the policy blocks nothing');
};

const duringEvents =
  (delayMs: number): Moment =>
  async (context, agent) => {
    await agent.process.waitReady();
    for (let index = 0; index < 4; index++) {
      const program = await context.startReady(['./open-repeatedly', '2000', '/etc/passwd']);
      program.send('go\n');
    }
    await sleep(delayMs);
  };

const duringReload =
  (delayMs: number): Moment =>
  async (context, agent) => {
    await agent.process.waitReady();
    context.writePolicies({ ...blockingPolicies(context), 'more.yaml': watchPolicy(`more-${delayMs}`) });
    agent.process.kill('SIGHUP');
    await sleep(delayMs);
  };

function watchPolicy(name: string): string {
  return tracingPolicy(
    name,
    `
    kprobes:
    - call: sys_openat
      syscall: true
      args:
      - {index: 1, type: string}`,
  );
}

/** Runs an agent until `moment`, kills it, and looks at what it left. */
async function killAt(context: ScenarioContext, moment: Moment, before: BpfObjects): Promise<void> {
  context.writePolicies({ ...blockingPolicies(context), 'watch.yaml': watchPolicy('watch') });
  const agent = context.launchAgent();
  await moment(context, agent);
  await agent.process.stop('SIGKILL');
  assert.equal(await isBlocked(context), false, 'still blocked without an agent');
  await waitForBpfObjects(before);
}

async function killAtAll(context: ScenarioContext, moments: readonly Moment[]): Promise<void> {
  context.file('blocked', 'content');
  const before = listBpfObjects();
  for (const moment of moments) await killAt(context, moment, before);
  /* And the next one works as if nothing had been. */
  context.writePolicies(blockingPolicies(context));
  const agent = await context.startAgent();
  assert.ok(await isBlocked(context), 'the last agent blocks nothing');
  assert.equal((await agent.process.stop()).status, 0);
  await waitForBpfObjects(before);
  context.measured.push(`${moments.length} agents killed`);
}

async function measureStartMs(context: ScenarioContext): Promise<number> {
  const start = Date.now();
  context.writePolicies(blockingPolicies(context));
  const agent = await context.startAgent();
  const startMs = Date.now() - start;
  await agent.process.stop('SIGKILL');
  return startMs;
}

/** Many starts, each killed earlier or later. Takes too long where everything is emulated. */
async function killOften(context: ScenarioContext): Promise<void> {
  const startMs = await measureStartMs(context);
  const fractions = [0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0];
  await killAtAll(context, [
    ...fractions.map((fraction) => duringStart(fraction, () => startMs)),
    ...[5, 20, 50, 100].map(duringReload),
    ...[10, 100].map(duringEvents),
    whenReady,
  ]);
}

/** Late in the start of an emulated agent, when it loads programs. */
const emulatedStartMs = 6000;

async function killSometimes(context: ScenarioContext): Promise<void> {
  const fraction = 0.8 + Math.random() / 2;
  await killAtAll(context, [duringStart(fraction, () => emulatedStartMs), duringReload(150), duringEvents(50)]);
}

export const agentDeathScenarios: readonly Scenario[] = [
  {
    name: 'an agent killed at any moment leaves nothing blocked and nothing in the kernel, and the next one starts',
    agent: 'own',
    trigger: (context) => (context.isEmulated ? killSometimes(context) : killOften(context)),
  },
];
