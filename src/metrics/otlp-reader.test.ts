import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { OtlpReceiver } from '../tracing/test-receiver.ts';
import { MetricsExport } from './metrics-export.ts';
import { sampleSources } from './sample-sources.ts';

function start(url: string, reports: string[] = []): Promise<MetricsExport> {
  const otlp = { url: `${url}/v1/metrics`, intervalMs: 100 };
  return MetricsExport.start(sampleSources, { otlp, nodeName: 'node-1', report: (message) => reports.push(message) });
}

test('metrics are sent as they are served, again and again', async () => {
  await using receiver = await OtlpReceiver.start();
  await using metrics = await start(receiver.url);
  expect(metrics.address).toBeUndefined();
  await expect.poll(() => receiver.requests, { timeout: 10_000 }).toBeGreaterThan(2);
  expect(receiver.value('tetragon_tracingpolicy_loaded', { state: 'enabled' })).toBe(1);
  expect(receiver.value('jatai_generation_switches_total')).toBe(4);
  expect(receiver.value('jatai_generation_switch_seconds_total')).toBe(2);
  const kinds = new Map(receiver.metrics.map(({ name, kind }) => [name, kind]));
  expect(kinds.get('jatai_ring_pending_bytes')).toBe('gauge');
  expect(kinds.get('tetragon_events_exported_total')).toBe('sum');
  expect(kinds.get('jatai_record_latency_seconds')).toBe('histogram');
  expect(receiver.resource).toMatchObject({ 'service.name': 'jatai', 'host.name': 'node-1' });
});

test('a receiver that refuses or is away is told of once, and once when it is back; the end is not held up', async () => {
  const first = await OtlpReceiver.start();
  const reports: string[] = [];
  const metrics = await start(first.url, reports);
  first.statuses.push(400, 400, 400);
  await expect.poll(() => reports, { timeout: 10_000 }).toHaveLength(2);
  expect(reports[0]).toContain('metrics cannot be sent by OTLP');
  expect(reports[1]).toContain('metrics are sent by OTLP again');
  const port = Number(new URL(first.url).port);
  await first.close();
  await sleep(300);
  await using second = await OtlpReceiver.start(port);
  await expect.poll(() => second.requests, { timeout: 20_000 }).toBeGreaterThan(0);
  expect(second.value('jatai_generation_switches_total')).toBe(4);
  await metrics.close();
}, 40_000);
