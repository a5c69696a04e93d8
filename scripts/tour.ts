import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { type PolicyTest, readPolicyTests } from '../test/policies/policy-test.ts';
import { repositoryRoot } from '../test/vm/repository-root.ts';
import { type StepResult, TourAgent } from './tour-agent.ts';

// A short tour for people: starts the agent with the default policies and the demonstration of refusals, does what
// each of them watches for, and shows the events as they come. With a terminal it then gives a shell beside the
// running agent. Ends with status 1 when a policy was refused or an event did not come.

const folders = ['tracing-policies', 'tracing-policies/demo'];

process.exitCode = await main();

async function main(): Promise<number> {
  say(
    `Starting the agent, which can take half a minute on an emulated machine: bin/jatai run ${folders.map((folder) => `--policy ${folder}`).join(' ')} -o compact`,
  );
  const agent = await TourAgent.start(folders.map((folder) => path.join(repositoryRoot, folder)));
  try {
    const failures = await playAll(agent, readPolicyTests());
    if (!agent.complete) failures.unshift('a policy was refused: see what the agent said when it started');
    say(failures.length === 0 ? 'The tour is over: every policy reported what it watches for.' : 'The tour failed:');
    for (const failure of failures) console.log(`  ${failure}`);
    if (process.stdin.isTTY) await giveShell();
    return failures.length === 0 ? 0 : 1;
  } finally {
    await agent.stop();
  }
}

/** Returns what went wrong, one sentence each. */
async function playAll(agent: TourAgent, tests: readonly PolicyTest[]): Promise<string[]> {
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
  say('A shell in the virtual machine; the agent reports what you do. "exit" ends it, and all changes are lost.');
  await once(spawn('bash', ['-i'], { cwd: repositoryRoot, stdio: 'inherit' }), 'exit');
}

function say(text: string): void {
  console.log(process.stdout.isTTY ? `\n\x1b[1m== ${text}\x1b[0m` : `\n== ${text}`);
}
