/**
 * Cost of turning ring records into JSON lines, per record, on one core: `node bench/events.bench.ts`. The records are
 * those of a node that forks and executes: a line of about 400 bytes without its parent block.
 */
import { EventPipeline } from '../src/events/event-pipeline.ts';
import type { LineSink } from '../src/events/event-sink.ts';
import { JsonWriter } from '../src/events/json/json-writer.ts';
import { hookOf, selectorOf } from '../src/events/test-plan.ts';
import { execBytes, exitBytes, fileBytes, forkBytes, hookBytes, sockBytes } from '../src/events/test-record.ts';
import { execRecord, processFlags, recordHeader } from '../src/events/wire.ts';
import { openJsonFile } from '../src/export/json-file.ts';

const processes = 20_000;
const rounds = 10;
const second = 1_000_000_000n;

interface Measurement {
  readonly name: string;
  readonly nsPerEvent: number;
  readonly bytesPerEvent: number;
}

class CountingSink implements LineSink {
  readonly takes = 'lines';
  lines = 0;
  bytes = 0;
  write(_line: Buffer, start: number, end: number): void {
    this.lines++;
    this.bytes += end - start;
  }
  flush(): void {}
  close(): void {}
}

/** Feeds `ring` to fresh pipelines and reports the best round: noise only ever adds. */
function measure(name: string, ring: Buffer, prepare: (pipeline: EventPipeline) => void): Measurement {
  let best = Number.POSITIVE_INFINITY;
  let bytesPerEvent = 0;
  for (let round = 0; round < rounds; round++) {
    const sink = new CountingSink();
    const pipeline = new EventPipeline({ nodeName: 'node-1', bootToWallNs: 1_795_150_718n * second, sinks: [sink] });
    prepare(pipeline);
    const before = { lines: sink.lines, bytes: sink.bytes };
    const start = cpuNs();
    feed(pipeline, ring);
    const ns = cpuNs() - start;
    best = Math.min(best, ns / (sink.lines - before.lines));
    bytesPerEvent = (sink.bytes - before.bytes) / (sink.lines - before.lines);
  }
  return { name, nsPerEvent: best, bytesPerEvent };
}

/** CPU time of this thread: other work on the machine and the collector's helper threads do not count. */
function cpuNs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) * 1000;
}

function feed(pipeline: EventPipeline, ring: Buffer): void {
  for (let offset = 0; offset < ring.length; ) {
    const size = ring.readUInt32LE(offset + recordHeader.at.size);
    pipeline.handle(ring, offset, size);
    offset += size;
  }
}

const shell = { tgid: 100, execKtime: 10n * second, ktime: 10n * second };
const shellExec = execBytes({ ...shell, binary: '/usr/bin/bash', cwd: '/', argv: ['bash', '/opt/demo'] });

function execOf(index: number): Buffer {
  const ktime = 20n * second + BigInt(index) * 10_007n;
  return execBytes({
    tgid: 1000 + index,
    execKtime: ktime,
    ktime,
    parentTgid: shell.tgid,
    parentKtime: shell.execKtime,
    flags: processFlags.EXECVE | processFlags.CLONE | processFlags.ROOT_CWD,
    binary: '/usr/bin/grep',
    cwd: '/',
    argv: ['grep', '-q', 'Listening for events', '/run/agent.log'],
  });
}

function forkExecExit(): Buffer {
  const records: Buffer[] = [];
  for (let index = 0; index < processes; index++) {
    const ktime = 20n * second + BigInt(index) * 10_007n;
    const child = { tgid: 1000 + index, ktime, execKtime: ktime - 5n };
    records.push(
      forkBytes({ ...child, parentTgid: shell.tgid, parentKtime: shell.execKtime }),
      execOf(index),
      exitBytes({ ...child, execKtime: ktime, code: 0 }),
    );
  }
  return Buffer.concat(records);
}

function hookRing(value: Buffer): Buffer {
  const record = hookBytes({ ...shell, planId: 1, matches: [0], values: [{ bytes: value }] });
  return Buffer.concat(Array.from({ length: processes }, () => record));
}

function planFor(pipeline: EventPipeline, functionName: string, type: 'file' | 'sock'): void {
  const args = [{ value: 0, type, spelledType: type, label: '' }];
  const selector = selectorOf(hookOf({ policyName: 'policy', functionName, args }));
  pipeline.addPlan({ planId: 1, values: [{ type }], selectors: [selector] });
}

/** The writer alone: copies a process block of 400 bytes into a line, as every event does. */
function writerAlone(): Measurement {
  const block = Buffer.alloc(400, 0x61);
  const writer = new JsonWriter();
  const count = 1_000_000;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = cpuNs();
    for (let index = 0; index < count; index++) {
      writer.reset();
      writer.ascii('{"process_exec":{"process":');
      writer.raw(block);
      writer.ascii('},"node_name":"node-1","time":"');
      writer.uint64(index, 5);
      writer.ascii('"}\n');
    }
    best = Math.min(best, (cpuNs() - start) / count);
  }
  return { name: 'writer alone, 400-byte block', nsPerEvent: best, bytesPerEvent: writer.length };
}

async function withFile(ring: Buffer): Promise<Measurement> {
  const path = process.argv[2] ?? '/dev/null';
  const sink = await openJsonFile(path);
  const pipeline = new EventPipeline({ nodeName: 'node-1', bootToWallNs: 1_795_150_718n * second, sinks: [sink] });
  const start = cpuNs();
  feed(pipeline, ring);
  pipeline.close();
  await sink.output.finished;
  const ns = cpuNs() - start;
  const { events } = pipeline.counters();
  const { writtenBytes } = sink.output.counters();
  return { name: `exec to ${path}`, nsPerEvent: ns / events, bytesPerEvent: writtenBytes / events };
}

const execs = Buffer.concat(Array.from({ length: processes }, (_, index) => execOf(index)));
const feedShell = (pipeline: EventPipeline): void => void pipeline.handle(shellExec, 0, shellExec.length);
const sock = sockBytes({ family: 2, type: 1, protocol: 6, state: 2, sport: 45414, dport: 5555, cookie: 2n ** 63n });
const results = [
  writerAlone(),
  measure('exec, parent unknown', execs, () => {}),
  measure('exec with parent', execs, feedShell),
  measure('fork + exec + exit (two events)', forkExecExit(), feedShell),
  measure('hook with a file', hookRing(fileBytes('/etc/shadow', 0o100640)), (pipeline) => {
    feedShell(pipeline);
    planFor(pipeline, 'security_file_open', 'file');
  }),
  measure('hook with a sock', hookRing(sock), (pipeline) => {
    feedShell(pipeline);
    planFor(pipeline, 'tcp_connect', 'sock');
  }),
  await withFile(execs),
];
for (const { name, nsPerEvent, bytesPerEvent } of results) {
  const line = `${name.padEnd(34)} ${nsPerEvent.toFixed(0).padStart(6)} ns/event  ${bytesPerEvent.toFixed(0).padStart(6)} bytes/event`;
  process.stdout.write(`${line}\n`);
}
process.stdout.write(`exec record: ${execRecord.size} bytes and ${execOf(0).length - execRecord.size} of texts\n`);
