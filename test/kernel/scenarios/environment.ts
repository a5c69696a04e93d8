import { strict as assert } from 'node:assert';
import type { AgentEvent, EventProcess } from '../harness/event-log.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const call = triggerProgram('call');
/** Larger than a record, so that it comes in pieces. */
const long = 'x'.repeat(100_000);

function execOf(events: readonly AgentEvent[], words: string, log: string): EventProcess {
  const started = events.flatMap(({ process_exec }) => (process_exec === undefined ? [] : [process_exec.process]));
  const found = started.find((process) => process.arguments === words);
  const seen = started.map(({ binary, arguments: text, flags }) => `${binary} ${text} (${flags})`);
  assert.ok(found, `no exec event of "${words}", but of:\n${seen.join('\n')}\nThe agent wrote:\n${log}`);
  return found;
}

export const environmentScenarios: readonly Scenario[] = [
  {
    name: 'events show the environment variables that are asked for, however long, and hide what is redacted',
    agent: 'own',
    async trigger(context) {
      context.writePolicies({});
      const agent = await context.startAgent([
        '--policy',
        context.policyFolder,
        '--enable-process-environment-variables',
        '--filter-environment-variables',
        'FIRST,LONG,TOKEN,LAST',
        '--redaction-filters',
        '{"redact":["TOKEN=(\\\\S+)"]}',
      ]);
      const env = { FIRST: 'a b', OTHER: 'unseen', LONG: long, TOKEN: 'secret', LAST: '' };
      await context.run([call, 'kill', '0', '0', 'with'], { env });
      await context.run(['env', '-i', call, 'kill', '0', '0', 'without']);
      assert.deepEqual(await agent.process.stop(), { status: 0, signal: '' });
      const events = agent.events.read();
      const expected = [
        { Key: 'FIRST', Value: 'a b' },
        { Key: 'LONG', Value: long },
        { Key: 'TOKEN', Value: '*****' },
        { Key: 'LAST' },
      ];
      const log = agent.process.stderr();
      const { environment_variables, flags } = execOf(events, 'kill 0 0 with', log);
      assert.deepEqual(environment_variables, expected);
      assert.equal(flags, 'execve rootcwd clone');
      assert.equal(execOf(events, 'kill 0 0 without', log)['environment_variables'], undefined);
    },
  },
];
