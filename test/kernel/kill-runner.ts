import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { collectFacts } from '../../src/kernel/facts.ts';
import { repositoryRoot } from '../vm/repository-root.ts';
import { Attackers } from './attack/attackers.ts';
import { elsewherePolicy, guardPolicy, makeGuardedFiles, neighbourPolicy } from './attack/guarded-files.ts';
import { killAndRestart, startKeptAgent } from './attack/kills.ts';

// Attacks forbidden files while the agent that forbids them is killed and started again, on the kernel this is started
// on, and prints one JSON line.
// Usage: kill-runner.ts --folder DIR --kills N --threads 4,4,4,4

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '/run/kills' },
    kills: { type: 'string', default: '50' },
    threads: { type: 'string', default: '4,4,4,4' },
  },
});
const folder = path.resolve(values.folder);
const policies = path.join(folder, 'policies');
mkdirSync(policies, { recursive: true });
const files = makeGuardedFiles(folder);
const threads = values.threads.split(',').map(Number);
const writePolicies = (turn: number) => {
  writeFileSync(path.join(policies, 'guard.yaml'), guardPolicy(`guard-${turn}`, files, turn % 8 === 7));
  const mode = turn % 2 === 0 ? 'enforce' : 'monitor';
  writeFileSync(path.join(policies, 'neighbour.yaml'), neighbourPolicy('neighbour', `/no/such/${turn}/`, mode));
  writeFileSync(path.join(policies, 'elsewhere.yaml'), elsewherePolicy(`elsewhere-${turn}`));
};
writePolicies(0);
/* The attackers would leave the agents no time. */
setPriority(constants.priority.PRIORITY_HIGHEST);
const options = {
  args: ['--policy', policies, '--bpf-dir', 'jatai-attacked'],
  logPath: path.join(folder, 'agent.log'),
  kills: Number(values.kills),
  changePolicies: writePolicies,
  onKill: (done: number, moment: string) => process.stderr.write(`${done}: killed ${moment}\n`),
};
const first = startKeptAgent(options);
await first.waitReady();
const attackers = await Attackers.start(threads, files.attackPaths);
/* Under attack everything takes longer. */
const start = performance.now();
await first.stop('SIGKILL');
const second = startKeptAgent(options);
await second.waitReady();
const startMs = performance.now() - start;
process.stderr.write(`a start takes ${Math.round(startMs)} ms\n`);
const last = await killAndRestart(second, { ...options, startMs });
const result = await attackers.stop();
await last.stop();
const keptAfterExit = !opens(files.file);
const removed = execFileSync(path.join(repositoryRoot, 'bin/jatai'), ['cleanup', '--bpf-dir', 'jatai-attacked']);
const facts = collectFacts({ functions: [], tracepoints: [] });
process.stdout.write(
  `${JSON.stringify({
    kernel: facts.release,
    preemption: facts.preemption,
    threads,
    kills: options.kills + 1,
    startMs: Math.round(startMs),
    ...result,
    keptAfterExit,
    removed: removed.toString().split('\n').length - 1,
    openAfterCleanup: opens(files.file),
  })}\n`,
);
process.exitCode = result.successes > 0 || !keptAfterExit ? 1 : 0;

function opens(file: string): boolean {
  try {
    closeSync(openSync(file, 'r'));
    return true;
  } catch {
    return false;
  }
}
