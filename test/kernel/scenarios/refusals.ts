import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadDamaged } from '../harness/damaged-program.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const call = triggerProgram('call');

const good = tracingPolicy(
  'good',
  `
  kprobes:
  - call: sys_getcpu
    syscall: true
    args:
    - {index: 0, type: uint64}
    selectors:
    - matchBinaries:
      - {operator: In, values: ["${call}"]}`,
);

const unknownCall = tracingPolicy(
  'unknown-call',
  `
  kprobes:
  - call: sys_opennat
    syscall: true`,
);

const misspelt = good.replace('name: good', 'name: misspelt').replace('operator: In', 'operator: Inn');

function writeOneBad(context: ScenarioContext): void {
  context.writePolicies({ 'good.yaml': good, 'misspelt.yaml': misspelt, 'unknown.yaml': unknownCall });
}

export const refusalScenarios: readonly Scenario[] = [
  {
    name: 'policies that cannot be loaded are named with place and reason, and the others run',
    agent: 'own',
    onHostOnly: true,
    async trigger(context) {
      writeOneBad(context);
      const agent = await context.startAgent();
      const said = agent.process.stderr();
      assert.match(said, /^ready: 1 policies, 1 hooks, 2 refused$/m);
      assert.match(said, /misspelt\.yaml:13:20: error: Unknown operator "Inn"/);
      assert.match(said, /hint: Did you mean "In"\?/);
      assert.match(said, /unknown\.yaml:7:5: error: The kernel has no system call "opennat"/);
      await context.must(['./call', 'getcpu-burst', '2']);
      await sleep(500);
      assert.equal((await agent.process.stop()).status, 0);
      const events = agent.events.read().filter(({ process_kprobe }) => process_kprobe !== undefined);
      assert.equal(events.length, 2);
    },
  },
  {
    name: '--strict ends with status 1 when a policy is refused',
    agent: 'own',
    onHostOnly: true,
    async trigger(context) {
      writeOneBad(context);
      const agent = context.launchAgent(['--policy', context.policyFolder, '--strict']);
      assert.deepEqual(await agent.process.waitEnd(), { status: 1, signal: '' });
      assert.match(agent.process.stderr(), /unknown\.yaml:7:5: error: /);
    },
  },
  {
    name: 'a program that the verifier refuses is told by the line of its policy',
    agent: 'own',
    async trigger(context) {
      /* Line 13 is the filter of the selector. */
      const error = loadDamaged(good, context.path('good.yaml'), context.facts, 13);
      assert.match(error.message, /R\d !read_ok|invalid mem access/);
      assert.match(error.message, /good\.yaml:13: .*\{operator: In, values: /);
      context.measured.push(error.message);
    },
  },
];
