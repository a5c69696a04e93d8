import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { type PolicyTest, readPolicyTests } from '../test/policies/policy-test.ts';
import { RunningAgent, type StepResult } from '../test/policies/running-agent.ts';

// A short tour for people: starts the agent with the default policies and the demonstration of refusals, does once
// what each of them watches for, and shows the events as they come. It writes to system files and loads a kernel
// module: meant for a virtual machine. With a terminal it then gives a shell, beside the running agent. Ends with
// status 1 when a policy was refused or an event did not come.

const root = path.resolve(import.meta.dirname, '..');
const policies = ['tracing-policies', 'tracing-policies/demo'].map((folder) => path.join(root, folder));
const bold = (text: string) => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text);

process.exitCode = await main();

async function main(): Promise<number> {
  say('Starting the agent: bin/jatai run --policy tracing-policies --policy tracing-policies/demo -o compact');
  const onStderr = (text: string) => process.stderr.write(text);
  const agent = await RunningAgent.start({ policies, compactOutput: 'inherit', onStderr });
  try {
    const refused = /^ready: .*, 0 refused$/m.test(agent.stderr) ? [] : ['a policy was refused, see above'];
    const failures = [...refused, ...(await playAll(agent, readPolicyTests()))];
    say(failures.length === 0 ? 'The tour is over: every policy reported what it watches for.' : 'The tour failed:');
    for (const failure of failures) console.log(`  ${failure}`);
    if (process.stdin.isTTY) await giveShell();
    return failures.length === 0 ? 0 : 1;
  } finally {
    await agent.stop();
  }
}

/** Returns what went wrong, one sentence each. */
async function playAll(agent: RunningAgent, tests: readonly PolicyTest[]): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, steps } of tests) {
    for (const step of steps) {
      say(`${name}: ${step.title}`);
      for (const line of step.run.trim().split('\n')) console.log(`  $ ${line}`);
      const found = describe(await agent.play(step));
      failures.push(...found.map((failure) => `${name}: ${step.title}: ${failure}`));
    }
  }
  return failures;
}

function describe({ missing, unwanted, status }: StepResult): string[] {
  return [
    ...missing.map((event) => `no event came with ${JSON.stringify(event)}`),
    ...unwanted.map((event) => `this event should not have come: ${JSON.stringify(event)}`),
    ...(status === 0 ? [] : [`its commands ended with status ${status}`]),
  ];
}

async function giveShell(): Promise<void> {
  say('A shell in the virtual machine; the agent reports what you do. All changes are lost when you leave with exit.');
  await once(spawn('bash', ['-i'], { cwd: root, stdio: 'inherit' }), 'exit');
}

function say(text: string): void {
  console.log(`\n${bold(`== ${text}`)}`);
}
