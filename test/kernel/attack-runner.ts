import { mkdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { collectFacts } from '../../src/kernel/facts.ts';
import { Attackers } from './attack/attackers.ts';
import { makeGuardedFiles } from './attack/guarded-files.ts';
import { startQuietAgent, switchPolicies } from './attack/switches.ts';
import { median } from './attack/updates.ts';

// Attacks forbidden files while policies change, on the kernel this is started on, and prints one JSON line.
// Usage: attack-runner.ts --folder DIR --switches N --threads 4,4,4,4

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '/run/attack' },
    switches: { type: 'string', default: '1000' },
    threads: { type: 'string', default: '4,4,4,4' },
  },
});
const threads = values.threads.split(',').map(Number);
mkdirSync(path.resolve(values.folder), { recursive: true });
const files = makeGuardedFiles(path.resolve(values.folder));
const facts = collectFacts();
const lines: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
const agent = startQuietAgent(facts, log);
/* First of all the policy, then those it is made for. */
await switchPolicies(agent, files, 1);
/* The attackers would leave us no time. */
setPriority(constants.priority.PRIORITY_HIGHEST);
process.stderr.write('agent is up\n');
const attackers = await Attackers.start(threads, files.attackPaths);
process.stderr.write('attack goes on\n');
const start = performance.now();
const switches = Number(values.switches);
const times = await switchPolicies(agent, files, switches, (done) => {
  if (done % 20 === 0 || done < 5)
    process.stderr.write(`${done} switches after ${Math.round(performance.now() - start)} ms\n`);
});
setPriority(constants.priority.PRIORITY_NORMAL);
const result = await attackers.stop();
const { kernel } = agent.counters();
agent.close();
process.stdout.write(
  `${JSON.stringify({
    kernel: facts.release,
    preemption: facts.preemption,
    threads,
    switches,
    ...result,
    framesExhausted: kernel.FRAME_EXHAUSTED,
    medianMs: Object.fromEntries([...times].map(([kind, all]) => [kind, median(all)])),
  })}\n`,
);
if (result.successes > 0) {
  process.stderr.write(lines.slice(-5).join(''));
  process.exitCode = 1;
}
