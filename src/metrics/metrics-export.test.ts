import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Event } from '../events/events.ts';
import { recordHeader, recordKinds } from '../events/wire.ts';
import { visitSampleEvents } from '../filters/sample-events.ts';
import { EventCounts, processLabels } from './event-counts.ts';
import { MetricsExport } from './metrics-export.ts';
import { RecordMeter } from './record-meter.ts';
import { sampleObservation, samplePolicy, sampleSources } from './sample-sources.ts';
import type { MetricSources } from './sources.ts';

const servers: MetricsExport[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(change: Partial<MetricSources> = {}): Promise<MetricsExport> {
  const server = await start({ ...sampleSources, ...change });
  servers.push(server);
  return server;
}

function start(from: MetricSources, port = 0): Promise<MetricsExport> {
  return MetricsExport.start(from, { server: { host: '127.0.0.1', port }, nodeName: 'n', report: () => {} });
}

async function scrape(server: MetricsExport): Promise<string[]> {
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
      'tetragon_tracingpolicy_loaded{state="enabled"} 1',
      'tetragon_tracingpolicy_loaded{state="disabled"} 0',
      'tetragon_tracingpolicy_kernel_memory_bytes{policy="a",policy_namespace="team"} 8192',
      selectorLine('post', 5),
      selectorLine('override', 3),
      'tetragon_map_entries{map="processes"} 300',
      'tetragon_map_capacity{map="processes"} 32768',
      'tetragon_map_errors_update_total{map="processes"} 6',
      overheadLine('runs', 'a', 10),
      overheadLine('seconds', 'a', 3),
      overheadLine('seconds', 'b', 1),
      'jatai_output_joined_events_total{output="/var/log/a \\"b\\".json"} 55',
      'jatai_output_joining_events{output="/var/log/a \\"b\\".json"} 5',
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
      observe: () => ({ ...sampleObservation(), generations: { switches: ++switches, totalMs: 0, lastMs: 0 } }),
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
    const port = Number(address!.split(':')[1]);
    const again = start(sampleSources, port);
    await expect(again).rejects.toThrow('EADDRINUSE');
  });

  test('a client that asks and never reads does not keep it from its end', async () => {
    const server = await serve();
    const socket = connect(Number(server.address!.split(':')[1]), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('GET /metrics HTTP/1.1\r\n');
    socket.on('error', () => {});
    await server.close();
    servers.length = 0;
    socket.destroy();
  });
});

function selectorLine(action: string, count: number): string {
  const policyLabels = 'policy="a",policy_namespace="team",selector_index="1",selector_label="secret"';
  return `tetragon_tracingpolicy_selector_actions_total{action="${action}",hook="file_open",hook_index="0",${policyLabels}} ${count}`;
}

function overheadLine(what: string, policyName: string, value: number): string {
  const labels = `attach="file_open",policy="${policyName}",policy_namespace="",section="lsm/file_open",sensor="generic_lsm"`;
  return `tetragon_overhead_program_${what}_total{${labels}} ${value}`;
}

describe('records', () => {
  test('are counted by opcode, with those that cannot be used, and their latency', async () => {
    const records = new RecordMeter({ withHandlingTimes: true, bootTime: () => 10_000_000_000n });
    const handler = records.watch({
      handle: (_buffer, _offset, length) => (length === recordHeader.size ? 'truncated' : undefined),
    });
    const give = (kind: number, length: number): void => {
      const record = Buffer.alloc(length);
      record.writeUInt16LE(kind, recordHeader.at.kind);
      record.writeBigUInt64LE(10_000_000_000n - 300_000n, recordHeader.at.ktime);
      handler.handle(record, 0, length);
    };
    for (let index = 0; index < 100; index++) give(recordKinds.HOOK, 100);
    give(recordKinds.RETURN, 100);
    give(recordKinds.DATA, 2000);
    give(recordKinds.DATA, recordHeader.size);
    give(99, 100);
    const lines = await scrape(await serve({ records }));
    for (const line of [
      'tetragon_msg_op_total{msg_op="13"} 101',
      'tetragon_msg_op_total{msg_op="24"} 2',
      'tetragon_msg_op_total{msg_op="0"} 1',
      'tetragon_handler_errors_total{error="event_handler_failed",opcode="24"} 1',
      'tetragon_data_events_total{event="Received"} 2',
      'tetragon_data_events_total{event="Bad"} 1',
      '# TYPE tetragon_handling_latency histogram',
      'tetragon_handling_latency_count{op="13"} 101',
      'tetragon_data_event_size_bucket{op="ok",le="1024"} 0',
      'tetragon_data_event_size_bucket{op="ok",le="2048"} 1',
      'tetragon_data_event_size_sum{op="ok"} 2000',
      'jatai_record_latency_seconds_count 2',
      'jatai_record_latency_seconds_bucket{le="0.00025"} 0',
      'jatai_record_latency_seconds_bucket{le="0.0005"} 2',
      'jatai_record_latency_seconds_bucket{le="+Inf"} 2',
    ])
      expect(lines).toContain(line);
  });

  test('are not timed unless that is asked for', async () => {
    const records = new RecordMeter({ withHandlingTimes: false });
    const page = (await scrape(await serve({ records }))).join('\n');
    expect(page).not.toContain('handling_latency');
    expect(page).toContain('jatai_record_latency_seconds_count 0');
  });
});

test('policies are bounded: those that come after are one series, and sums stay right', async () => {
  const many = Array.from({ length: 1500 }, (_, index) => samplePolicy(`p${index}`));
  const lines = await scrape(await serve({ policies: () => many }));
  const memory = lines.filter((line) => line.startsWith('tetragon_tracingpolicy_kernel_memory_bytes{'));
  expect(memory).toHaveLength(1001);
  expect(memory.at(-1)).toBe(
    `tetragon_tracingpolicy_kernel_memory_bytes{policy="(other)",policy_namespace=""} ${500 * 8192}`,
  );
  const actions = lines.filter((line) => line.startsWith('tetragon_tracingpolicy_selector_actions_total{'));
  expect(actions).toHaveLength(1001);
  expect(actions.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(1500 * 8);
});

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
