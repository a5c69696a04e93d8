import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '../vm/repository-root.ts';
import { runInVm } from '../vm/run-in-vm.ts';

// Runs the long attacks on each kernel in turn, in virtual machines, and appends the results to build/attack-results.jsonl.
// Takes hours on a machine without KVM.
// Usage: attack-all.ts [--switches N] [--kills N] [--only REGULAR_EXPRESSION]

const { values } = parseArgs({
  options: {
    switches: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
  },
});

/** From 7.0 on x86 kernels have no voluntary preemption; lazy is the nearest to it. */
const boots = [
  { kernel: '6.12', preempt: 'voluntary' },
  { kernel: '6.12', preempt: 'full' },
  { kernel: '7', preempt: 'lazy' },
  { kernel: '7', preempt: 'full' },
] as const;
/** Beside four processes so many threads that, preempted, they would use up all frames. */
const attacks = [
  {
    name: 'switches',
    command: `attack-runner.ts --folder /run/attack --threads 2,2,2,2 --switches ${values.switches}`,
  },
  { name: 'crowd', command: 'attack-runner.ts --folder /run/attack --threads 60,60,60,60 --switches 20' },
  { name: 'kills', command: `kill-runner.ts --folder /run/attack --small --threads 1,1,1,1 --kills ${values.kills}` },
] as const;
const timeoutSec = 4 * 3600;

const results = path.join(repositoryRoot, 'build/attack-results.jsonl');
mkdirSync(path.dirname(results), { recursive: true });
for (const { kernel, preempt } of boots) {
  for (const { name, command } of attacks) {
    const title = `${kernel} preempt=${preempt} ${name}`;
    if (!new RegExp(values.only).test(title)) continue;
    process.stderr.write(`${title}\n`);
    const { status, failure, stdout, stderr } = await runInVm({
      kernel,
      command: `node test/kernel/${command}`,
      append: `preempt=${preempt} lsm=landlock,lockdown,capability,bpf`,
      timeoutSec,
      env: { NODE_COMPILE_CACHE: path.join(repositoryRoot, 'build/compile-cache') },
    });
    const line = stdout.trim();
    if (failure !== undefined || status !== 0) {
      process.stderr.write(`${failure ?? `status ${status}`}: ${stderr}\n`);
      process.exitCode = 1;
    }
    if (line === '') continue;
    process.stdout.write(`${title}: ${line}\n`);
    appendFileSync(results, `{"attack":"${name}",${line.slice(1)}\n`);
  }
}
