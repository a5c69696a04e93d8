import { strict as assert } from 'node:assert';
import { mkdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupRoot } from '../../../src/kernel/cgroup.ts';
import type { AgentEvent } from '../harness/event-log.ts';
import { matches, type Pattern } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const call = triggerProgram('call');
const cgroupName = 'jatai-rate-test.scope';
const programs = 100;
/** A cgroup that is calm for five seconds is let through again; the agent looks once a second. */
const calmMs = 8500;

/** Calls that are only watched, and one that is answered with a signal that nobody minds (SIGURG). */
const policy = tracingPolicy(
  'enforced',
  `kprobes:
- call: sys_ptrace
  syscall: true
  args:
  - {index: 0, type: uint64}
  selectors:
  - matchBinaries:
    - {operator: In, values: ["${call}"]}
    matchActions:
    - {action: Signal, argSig: 23}
- call: sys_getcpu
  syscall: true
  args:
  - {index: 0, type: uint64}
  selectors:
  - matchBinaries:
    - {operator: In, values: ["${call}"]}`,
);

function countOf(events: readonly AgentEvent[], pattern: Pattern): number {
  return events.filter((event) => matches(event, pattern)).length;
}

function heldBack(log: string, name: string): number {
  const counts = log.matchAll(new RegExp(`"${name}":(\\d+)`, 'g'));
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

export const cgroupRateScenarios: readonly Scenario[] = [
  {
    name: '--cgroup-rate holds back events of a busy cgroup, says so, counts them, and lets enforced actions through',
    agent: 'own',
    async trigger(context) {
      const root = cgroupRoot();
      assert.ok(root !== undefined, 'cgroup v2 is not mounted');
      const cgroup = path.join(root, cgroupName);
      mkdirSync(cgroup, { recursive: true });
      context.writePolicies({ 'enforced.yaml': policy });
      const agent = await context.startAgent(['--policy', context.policyFolder, '--cgroup-rate', '3,1s']);
      const script = [
        `echo $$ > ${cgroup}/cgroup.procs`,
        `i=0; while [ $i -lt ${programs} ]; do ${call} getcpu-burst 3; i=$((i + 1)); done`,
        `${call} ptrace 99 0`,
      ];
      await context.must(['sh', '-c', script.join('; ')]);
      rmdirSync(cgroup);
      await sleep(calmMs);
      assert.equal((await agent.process.stop()).status, 0);
      const events = agent.events.read();
      const log = agent.process.stderr();

      const throttle = (type: string) => ({ process_throttle: { type, cgroup: cgroupName } });
      assert.deepEqual(
        [countOf(events, throttle('THROTTLE_START')), countOf(events, throttle('THROTTLE_STOP'))],
        [1, 1],
      );
      const process = { binary: call };
      const execs = countOf(events, { process_exec: { process } });
      const exits = countOf(events, { process_exit: { process } });
      const hooks = countOf(events, { process_kprobe: { process, function_name: /sys_getcpu$/ } });
      context.measured.push(
        `of ${programs} programs ${execs} exec, ${exits} exit events, ${hooks} of ${3 * programs} calls`,
      );
      assert.ok(execs < programs / 2, `${execs} exec events were let through`);
      assert.ok(hooks < programs, `${hooks} calls were let through`);
      /* Other cgroups of the machine may be busy too. */
      assert.ok(execs + heldBack(log, 'THROTTLED_EXEC') >= programs + 1);
      assert.ok(exits + heldBack(log, 'THROTTLED_EXIT') >= programs + 1);
      assert.ok(hooks + heldBack(log, 'THROTTLED_HOOK') >= 3 * programs);
      const enforced = { function_name: /sys_ptrace$/, process: { binary: call, arguments: 'ptrace 99 0', uid: 0 } };
      assert.equal(countOf(events, { process_kprobe: enforced }), 1, 'the enforced action, and who did it');
    },
  },
];
