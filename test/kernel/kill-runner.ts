import { strict as assert } from 'node:assert';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { serialize } from 'node:v8';
import { removeKeptObjects } from '../../src/agent/kept-objects.ts';
import { collectFacts } from '../../src/kernel/facts.ts';
import { Attackers, type AttackResult } from './attack/attackers.ts';
import { elsewherePolicy, guardPolicy, makeGuardedFiles, neighbourPolicy } from './attack/guarded-files.ts';
import { keptAgents, killAndRestart } from './attack/kills.ts';
import { policyOf } from './attack/switches.ts';
import { AgentProcess } from './harness/agent-process.ts';

// Attacks forbidden files while the agent that forbids them is killed and started again, on the kernel this is started
// on, and prints one JSON line.
// Usage: kill-runner.ts --folder DIR --kills N --threads 4,4,4,4 [--small]
// --small: agents are only the part of jatai that touches the kernel; many more of them in the same time

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '/run/kills' },
    kills: { type: 'string', default: '50' },
    threads: { type: 'string', default: '1,1,1,1' },
    small: { type: 'boolean', default: false },
  },
});
const bpfDir = 'jatai-attacked';
/* Another size is another layout: such an agent cannot take the maps over and makes its own. */
const ringSizes = [2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20, 2 ** 21];
const folder = path.resolve(values.folder);
const policyFolder = path.join(folder, 'policies');
const policyFile = path.join(folder, 'policies.bin');
const factsFile = path.join(folder, 'facts.json');
mkdirSync(policyFolder, { recursive: true });
const files = makeGuardedFiles(folder);
/** After which it is said how the attack goes. */
const killsAtOnce = 5;
const detachMs = 3000;
const threads = values.threads.split(',').map(Number);
const start = performance.now();
const say = (text: string) => process.stderr.write(`${Math.round((performance.now() - start) / 1000)} s: ${text}\n`);
const facts = collectFacts({
  functions: ['bpf_lsm_file_open', 'security_file_open', '__x64_sys_chdir'],
  tracepoints: [],
});
writeFileSync(factsFile, JSON.stringify({ ...facts, rawTracepoints: {} }));
changePolicies(0);
/* The attackers would leave the agents no time. */
setPriority(constants.priority.PRIORITY_HIGHEST);
const startAgent = values.small
  ? smallAgents()
  : keptAgents(['--policy', policyFolder, '--bpf-dir', bpfDir], path.join(folder, 'agent.log'));
const first = startAgent();
await first.waitReady();
say('the first agent is ready');
let attackers = await Attackers.start(threads, files.attackPaths);
let result: AttackResult = { attempts: 0, successes: 0, others: 0 };
await first.stop('SIGKILL');
const startedAt = performance.now();
const second = startAgent();
await second.waitReady();
/* Under attack everything takes longer. */
const startMs = performance.now() - startedAt;
say(`under attack a start takes ${Math.round(startMs)} ms`);
let agent = second;
for (let done = 1; done < Number(values.kills); ) {
  const kills = Math.min(killsAtOnce, Number(values.kills) - done);
  agent = await killAndRestart(agent, { start: startAgent, kills, startMs, changePolicies, onKill: say });
  done += kills;
  /* Others go on while these are counted. */
  const next = await Attackers.start(threads, files.attackPaths);
  result = Attackers.sum([result, await attackers.stop()]);
  attackers = next;
  say(`${done} kills: ${JSON.stringify(result)}`);
}
result = Attackers.sum([result, await attackers.stop()]);
assert.equal((await agent.stop()).status, 0);
const keptAfterExit = !opens(files.file);
const removed = removeKeptObjects(bpfDir).length;
/* The kernel detaches some time after the last pin is gone. */
await sleep(detachMs);
process.stdout.write(
  `${JSON.stringify({
    kernel: facts.release,
    preemption: facts.preemption,
    threads,
    agents: values.small ? 'small' : 'jatai run',
    kills: Number(values.kills),
    startMs: Math.round(startMs),
    ...result,
    keptAfterExit,
    removed,
    opensAfterCleanup: opens(files.file),
  })}\n`,
);
process.exitCode = result.successes > 0 || !keptAfterExit ? 1 : 0;

/** Writes other policies, always with the one that forbids. */
function changePolicies(turn: number): void {
  const texts = {
    guard: guardPolicy(`guard-${turn}`, files, turn % 8 === 7),
    neighbour: neighbourPolicy('neighbour', `/no/such/${turn}/`, turn % 2 === 0 ? 'enforce' : 'monitor'),
    elsewhere: elsewherePolicy(`elsewhere-${turn}`),
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(path.join(policyFolder, `${name}.yaml`), text);
  writeFileSync(policyFile, serialize(Object.values(texts).map(policyOf)));
}

function smallAgents(): () => AgentProcess {
  const script = path.join(import.meta.dirname, 'attack/small-agent.ts');
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', script];
  let count = 0;
  return () => {
    const args = [bpfDir, factsFile, policyFile, String(ringSizes[count % ringSizes.length])];
    return new AgentProcess(args, path.join(folder, `agent.log-${count++}`), command);
  };
}

function opens(file: string): boolean {
  try {
    closeSync(openSync(file, 'r'));
    return true;
  } catch {
    return false;
  }
}
