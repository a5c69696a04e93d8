import { strict as assert } from 'node:assert';
import type { AgentEvent, EventBody } from '../harness/event-log.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const call = triggerProgram('call');

/** Kills who opens the file. */
function killPolicy(name: string, file: string, mode: 'enforce' | 'monitor'): string {
  const spec = `
    options:
    - {name: policy-mode, value: ${mode}}
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
        - {action: Sigkill}`;
  const annotations = '{jatai.io/severity: critical, jatai.io/mitre-attack: "T1055, T1059.004"}';
  return tracingPolicy(name, spec).replace(`name: ${name}\n`, `name: ${name}\n  annotations: ${annotations}\n`);
}

async function showAll(context: ScenarioContext): Promise<void> {
  const [killed, watched] = ['killed', 'watched'].map((name) => context.file(name, ''));
  context.writePolicies({
    'enforce.yaml': killPolicy('enforce', killed!, 'enforce'),
    'monitor.yaml': killPolicy('monitor', watched!, 'monitor'),
  });
  const content = ['--enable-ancestors', 'base,kprobe', '--username-metadata', 'unix', '--process-arguments-list'];
  const agent = await context.startAgent(['--policy', context.policyFolder, ...content, '--event-verdict']);
  const user = await context.must(['/bin/true', 'two words', ''], { uid: 65_534, gid: 65_534 });
  const elsewhere = await context.must(['unshare', '--mount', '/bin/true', 'elsewhere']);
  assert.equal((await context.run(['./call', 'openat', killed!, '0'])).signal, 'SIGKILL');
  await context.must(['./call', 'openat', watched!, '0']);
  assert.equal((await agent.process.stop()).status, 0, agent.process.stderr());
  const events = agent.events.read();

  const named = execOf(events, user.pid);
  assert.deepEqual(named.process['user'], { name: 'nobody' });
  assert.deepEqual(named.parent?.['user'], { name: 'root' });
  assert.deepEqual(named.process['arguments_list'], ['/bin/true', 'two words', '']);
  assert.equal(named.process['ns'], undefined);
  assert.equal(execOf(events, elsewhere.pid).process['user'], undefined, 'a user of another mount namespace');

  const calls = events.flatMap(({ process_kprobe: body }) => (body === undefined ? [] : [body]));
  assert.deepEqual(
    calls.map(({ policy_name: policy, verdict, severity, mitre_techniques: techniques }) => [
      policy,
      verdict,
      severity,
      techniques,
    ]),
    [
      ['enforce', 'interrupted', 'critical', ['T1055', 'T1059.004']],
      ['monitor', 'would_have_prevented', 'critical', ['T1055', 'T1059.004']],
    ],
  );
  for (const body of [named, ...calls]) checkAncestors(body);
}

/** They go from the parent's parent to init, each the parent of the one before. */
function checkAncestors({ parent, ancestors }: EventBody): void {
  const chain = [parent, ...(ancestors as EventBody['parent'][])];
  assert.ok(chain.length > 1);
  for (const [index, process] of chain.slice(1).entries())
    assert.equal(process?.exec_id, chain[index]?.['parent_exec_id']);
  assert.equal(chain.at(-1)?.pid, 1);
}

function execOf(events: readonly AgentEvent[], pid: number): EventBody {
  const found = events.flatMap(({ process_exec: body }) => (body?.process.pid === pid ? [body] : []));
  assert.ok(found.length > 0, `no exec event of process ${pid}`);
  return found.at(-1)!;
}

export const eventContentScenarios: readonly Scenario[] = [
  {
    name: 'events show ancestors, user names, argument lists and verdicts when they are asked to',
    agent: 'own',
    trigger: showAll,
  },
];
