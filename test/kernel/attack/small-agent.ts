import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { pino } from 'pino';
import { Agent } from '../../../src/agent/agent.ts';
import { KeptObjects } from '../../../src/agent/kept-objects.ts';
import { readObjects } from '../../../src/cli/policies/object-files.ts';
import type { KernelFacts } from '../../../src/compiler/kernel-facts.ts';
import type { Policy } from '../../../src/policy/model.ts';

// The part of `jatai run` that touches the kernel: what is known of the kernel and the checked policies come from files.
// So an emulated processor spends its time where a kill could do harm.
// Usage: small-agent.ts BPF_DIR FACTS POLICIES RING_SIZE

const [bpfDir = '', factsFile = '', policiesFile = '', ringSize = ''] = process.argv.slice(2);
const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as KernelFacts;
const log = pino({ level: 'warn' }, pino.destination({ fd: 2, sync: true }));
const agent = new Agent({
  facts,
  objects: readObjects(facts),
  sinks: [],
  nodeName: 'attacked',
  log,
  sourceText: () => '',
  ringSize: Number(ringSize),
  kept: KeptObjects.open(bpfDir, log),
});

function load(word: string): void {
  const { loaded, refused } = agent.setPolicies(deserialize(readFileSync(policiesFile)) as Policy[]);
  process.stderr.write(`${word}: ${loaded.length} policies, ${refused.length} refused\n`);
}

process.on('SIGHUP', () => load('reloaded'));
process.once('SIGINT', () => agent.close());
load('ready');
