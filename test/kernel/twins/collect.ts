import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { AgentProcess } from '../harness/agent-process.ts';
import { type RunningProgram, startProgram, triggerProgram } from '../harness/run-program.ts';
import {
  forbiddenFiles,
  fullPolicies,
  fullTriggers,
  idleProgram,
  plainPolicies,
  plainTriggers,
  port,
  program,
  watchedFile,
  writtenFile,
} from './policies.ts';

// Makes events as the samples were made: full.jsonl with credentials and namespaces, plain.jsonl without.
// Usage: collect.ts FOLDER

const [folder = ''] = process.argv.slice(2);
for (const file of [watchedFile, writtenFile, ...Object.values(forbiddenFiles)]) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, 'sample\n');
}
copyFileSync(triggerProgram('call'), program);
chmodSync(program, 0o755);
copyFileSync('/usr/bin/true', idleProgram);
const listener = createServer((socket) => socket.resume()).listen(port, '127.0.0.1');
await once(listener, 'listening');

const ancestors = ['--enable-ancestors', 'base,kprobe,tracepoint,lsm,uprobe'];
await collect('full', fullPolicies, fullTriggers, ['--enable-process-cred', '--enable-process-ns', ...ancestors]);
await collect('plain', plainPolicies, plainTriggers, []);
listener.close();

/** One agent and what it reports of one shell that runs the triggers, and of a shell that is older than it. */
async function collect(
  name: string,
  policies: Readonly<Record<string, string>>,
  triggers: readonly string[],
  options: readonly string[],
): Promise<void> {
  const policyFolder = `/run/twins/policies-${name}`;
  mkdirSync(policyFolder, { recursive: true });
  for (const [policy, text] of Object.entries(policies)) writeFileSync(path.join(policyFolder, `${policy}.yaml`), text);
  const older = startProgram(['/bin/bash', '-c', `read; echo more >> ${writtenFile}; exit 0`]);
  /* On a file system in memory: the host's is reached by 9p. */
  const file = `/run/twins/${name}.jsonl`;
  const agent = new AgentProcess(
    ['-o', 'none', '--export', file, '--policy', policyFolder, ...options],
    path.join(folder, `${name}.log`),
  );
  await agent.waitReady();
  await run(triggers);
  await end(older);
  await agent.stop();
  copyFileSync(file, path.join(folder, `${name}.jsonl`));
}

async function run(triggers: readonly string[]): Promise<void> {
  const script = '/run/twins/demo';
  writeFileSync(script, `${triggers.join('\n')}\ntrue\n`);
  const shell = spawn('/bin/bash', [script], { cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = (await once(shell, 'exit')) as [number];
  if (status !== 0) throw new Error(`the triggers ended with status ${status}`);
}

async function end(older: RunningProgram): Promise<void> {
  older.endInput();
  await older.done;
}
