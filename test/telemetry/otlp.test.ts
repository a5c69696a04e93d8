import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OtlpReceiver, type ReceivedSpan } from '../../src/tracing/test-receiver.ts';
import { ReferenceClient } from '../api/reference-client.ts';
import { missing, startLoad, TelemetryAgent, until, watchGetpriority } from './telemetry-agent.ts';

/* A real agent, whose metrics and traces a receiver decodes by the definition of OTLP. */
if (missing !== '') console.log(`test/telemetry/otlp: skipped, ${missing}`);

describe.skipIf(missing !== '')('an agent that sends by OTLP', () => {
  let receiver: OtlpReceiver;
  let agent: TelemetryAgent;
  let client: ReferenceClient;

  beforeAll(async () => {
    receiver = await OtlpReceiver.start();
    const metrics = ['--metrics-otlp-endpoint', receiver.url, '--metrics-otlp-interval', '500ms'];
    agent = await TelemetryAgent.start([...metrics, '--traces-otlp-endpoint', receiver.url]);
    client = new ReferenceClient(`unix://${agent.socket}`);
  }, 300_000);

  afterAll(async () => {
    client?.close();
    await agent?.[Symbol.asyncDispose]();
    await receiver?.close();
  }, 60_000);

  function spans(name: string): ReceivedSpan[] {
    return receiver.spans.filter((span) => span.name === name);
  }

  test('sends the metrics that it would serve', async () => {
    const load = startLoad();
    await until('calls are counted', () => (receiver.value('tetragon_syscalls_total') ?? 0) > 100);
    load.kill();
    expect(receiver.value('tetragon_tracingpolicy_loaded', { state: 'enabled' })).toBe(1);
    expect(receiver.value('jatai_record_latency_seconds')).toBeGreaterThan(0);
    expect(receiver.resource).toMatchObject({ 'service.name': 'jatai' });
  }, 120_000);

  test('tells how its first policies came into force', async () => {
    await until('the change is told', () => spans('policies.change').length > 0);
    const [change] = spans('policies.change');
    const below = receiver.spans.filter(({ parentSpanId }) => parentSpanId === change!.spanId);
    expect(below.map(({ name }) => name)).toEqual([
      'policies.resolve',
      'hook.plan',
      'hook.generate',
      'hook.load',
      'hook.attach',
      'generation.switch',
    ]);
    expect(below[1]!.attributes).toEqual({ hook: 'raw_tracepoint:sys_enter' });
    expect(spans('policies.parse')).toHaveLength(1);
  }, 120_000);

  test('puts what a client asks for below the call', async () => {
    await client.call('AddTracingPolicy', { yaml: watchGetpriority.replace('watch-getpriority', 'another') });
    const name = 'tetragon.FineGuidanceSensors/AddTracingPolicy';
    await until('the call is told', () => spans(name).length > 0);
    const [call] = spans(name);
    expect(call!.attributes).toMatchObject({ 'rpc.method': 'AddTracingPolicy', 'rpc.grpc.status_code': 0 });
    const below = receiver.spans.filter(({ parentSpanId }) => parentSpanId === call!.spanId);
    expect(below.map((span) => span.name)).toEqual(['policies.parse', 'policies.change']);
  }, 120_000);
});
