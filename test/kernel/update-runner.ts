import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { collectFacts } from '../../src/kernel/facts.ts';
import { startQuietAgent } from './attack/switches.ts';
import { measureUpdates } from './attack/updates.ts';

// Changes policies many times on the kernel this is started on, and prints what each kind of change takes and what memory
// the kernel holds before and after.
// Usage: update-runner.ts --folder DIR --updates N

const { values } = parseArgs({
  options: { folder: { type: 'string', default: '/run/updates' }, updates: { type: 'string', default: '1000' } },
});
mkdirSync(path.resolve(values.folder), { recursive: true });
const facts = collectFacts();
const agent = startQuietAgent(facts, pino({ level: 'warn' }));
const result = await measureUpdates(agent, path.resolve(values.folder), Number(values.updates));
agent.close();
process.stdout.write(`${JSON.stringify({ kernel: facts.release, preemption: facts.preemption, ...result })}\n`);
