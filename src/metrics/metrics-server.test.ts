import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Observation } from '../agent/observation.ts';
import { EventPipeline } from '../events/event-pipeline.ts';
import type { Event } from '../events/events.ts';
import { visitSampleEvents } from '../filters/sample-events.ts';
import { EventCounts, processLabels } from './event-counts.ts';
import { MetricsServer } from './metrics-server.ts';
import type { MetricSources } from './sources.ts';

const servers: MetricsServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function observation(): Observation {
  const pipeline = new EventPipeline({ nodeName: 'n', bootToWallNs: 0n, sinks: [] });
  return {
    kernel: { RING_FULL_EXEC: 3, RING_FULL_HOOK: 4, HOOK_RECORDS: 9 },
    pipeline: pipeline.counters(),
    rings: [{ name: 'events', pendingBytes: 100, sizeBytes: 4096 }],
    processes: { size: 5, capacity: 10 },
    hooks: [{ key: 'lsm:file_open', policies: ['a', 'b'], instructions: 700 }],
    missedRuns: [['lsm:file_open', 2]],
    policies: { loaded: 2, refused: 1 },
    generations: { switches: 4, totalMs: 2000, lastMs: 500 },
  };
}

const outputCounters = {
  writtenBytes: 1000,
  writtenLines: 12,
  notices: 2,
  failures: 1,
  retries: 3,
  droppedLines: { buffer_full: 7, reader_gone: 0, closed: 0, file_deleted: 0 },
  waitingBytes: 50,
  maxBytes: 64,
  lastWriteMs: 1_795_150_718_500,
};

async function serve(sources: Partial<MetricSources> = {}): Promise<MetricsServer> {
  const server = await MetricsServer.start(
    { host: '127.0.0.1', port: 0 },
    {
      version: '1.2.3',
      observe: observation,
      outputs: () => [{ name: '/var/log/a "b".json', counters: outputCounters, rateLimited: 8 }],
      events: undefined,
      streams: () => ({ clients: 3, dropped: 9 }),
      ...sources,
    },
  );
  servers.push(server);
  return server;
}

async function scrape(server: MetricsServer): Promise<string[]> {
  const response = await fetch(`http://${server.address}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  return (await response.text()).split('\n');
}

describe('the metrics endpoint', () => {
  test('shows the agent and its outputs under the names of Tetragon and our own', async () => {
    const lines = await scrape(await serve());
    for (const line of [
      'tetragon_build_info{version="1.2.3"} 1',
      'tetragon_bpf_missed_events_total{error="ENOSPC",msg_op="5",kind="exec"} 3',
      'tetragon_observer_ringbuf_events_lost_total 7',
      'tetragon_events_exported_total 10',
      'tetragon_events_exported_bytes_total 1000',
      'tetragon_events_last_exported_timestamp 1795150718.5',
      'tetragon_export_ratelimit_events_dropped_total 8',
      'tetragon_tracingpolicy_loaded{state="enabled"} 2',
      'tetragon_tracingpolicy_loaded{state="load_error"} 1',
      'tetragon_missed_prog_probes_total{attach="lsm:file_open",policy=""} 2',
      'jatai_ring_pending_bytes{ring="events"} 100',
      'jatai_output_dropped_events_total{output="/var/log/a \\"b\\".json",reason="buffer_full"} 7',
      'jatai_output_dropped_events_total{output="/var/log/a \\"b\\".json",reason="rate_limit"} 8',
      'tetragon_notify_overflowed_events_total 9',
      'jatai_grpc_streams 3',
      'jatai_generation_switch_seconds_total 2',
      'jatai_hook_instructions{hook="lsm:file_open"} 700',
    ]) {
      expect(lines).toContain(line);
    }
    expect(lines).toContain('# TYPE tetragon_observer_ringbuf_events_lost_total counter');
    expect(lines.some((line) => line.startsWith('process_resident_memory_bytes '))).toBe(true);
  });

  test('is read anew each time', async () => {
    let switches = 0;
    const server = await serve({
      observe: () => ({ ...observation(), generations: { switches: ++switches, totalMs: 0, lastMs: 0 } }),
    });
    expect(await scrape(server)).toContain('jatai_generation_switches_total 1');
    expect(await scrape(server)).toContain('jatai_generation_switches_total 2');
  });

  test('says where the metrics are, and takes only GET', async () => {
    const { address } = await serve();
    const elsewhere = await fetch(`http://${address}/`);
    expect([elsewhere.status, await elsewhere.text()]).toEqual([404, 'Metrics are at /metrics\n']);
    expect((await fetch(`http://${address}/metrics`, { method: 'POST' })).status).toBe(405);
  });

  test('an address that is taken is an error', async () => {
    const { address } = await serve();
    const port = Number(address.split(':')[1]);
    const again = MetricsServer.start({ host: '127.0.0.1', port }, { ...(await sourcesOf()) });
    await expect(again).rejects.toThrow('EADDRINUSE');
  });

  test('a client that asks and never reads does not keep it from its end', async () => {
    const server = await serve();
    const socket = connect(Number(server.address.split(':')[1]), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('GET /metrics HTTP/1.1\r\n');
    socket.on('error', () => {});
    await server.close();
    servers.length = 0;
    socket.destroy();
  });
});

async function sourcesOf(): Promise<MetricSources> {
  return { version: '1', observe: observation, outputs: () => [], events: undefined };
}

describe('counts of events', () => {
  const labels = 'namespace="",workload="",pod="",binary="/usr/bin/curl",node_name="node-1"';

  test('have the labels of Tetragon', async () => {
    const events = new EventCounts('node-1', processLabels);
    visitSampleEvents((event) => events.write(event));
    const lines = await scrape(await serve({ events }));
    expect(lines).toContain(`tetragon_events_total{type="PROCESS_EXEC",${labels}} 1`);
    expect(lines).toContain(`tetragon_events_total{type="PROCESS_KPROBE",${labels}} 1`);
    expect(lines).toContain(
      `tetragon_policy_events_total{policy="watch-shadow",hook="kprobe:security_file_permission",${labels}} 1`,
    );
    expect(lines).toContain('tetragon_flags_total{type="execve"} 4');
  });

  test('have only the labels that are asked for', () => {
    const events = new EventCounts('node-1', ['namespace']);
    visitSampleEvents((event) => events.write(event));
    expect([...events.events].map(({ labels: found, value }) => [found, value])).toEqual([
      [{ type: 'PROCESS_EXEC', namespace: '', node_name: 'node-1' }, 4],
      [{ type: 'PROCESS_KPROBE', namespace: '', node_name: 'node-1' }, 1],
      [{ type: 'PROCESS_EXIT', namespace: '', node_name: 'node-1' }, 1],
    ]);
  });

  test('are bounded: what comes after is one series, and sums stay right', () => {
    const events = new EventCounts('node-1', processLabels);
    visitSampleEvents((event) => {
      if (event.kind !== 'exec') return;
      for (let index = 0; index < 1500; index++) events.write(namedEvent(event, `/bin/${index}`));
    });
    const counts = [...events.events];
    expect(counts.length).toBe(1001);
    expect(counts.reduce((sum, { value }) => sum + value, 0)).toBe(6000);
    expect(counts.at(-1)!.labels['binary']).toBe('(other)');
    expect(counts.at(-1)!.value).toBe(2000);
  });
});

/** The same event of another process. */
function namedEvent(event: Event & { kind: 'exec' }, name: string): Event {
  const bytes = Buffer.from(name);
  const image = { ...event.process.image, binary: { bytes, start: 0, end: bytes.length } };
  return { ...event, process: { ...event.process, image } };
}
