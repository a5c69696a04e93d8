import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { frame } from '../grpc/framing.ts';
import type { Route, Routes } from '../grpc/server.ts';
import { StatusError } from '../grpc/status.ts';
import { callRaw, startTestServer } from '../grpc/test-server.ts';
import { inSpan, openSpan } from './spans.ts';
import { OtlpReceiver, type ReceivedSpan } from './test-receiver.ts';
import { TraceExport } from './trace-export.ts';

let receiver: OtlpReceiver;
let reports: string[];
beforeEach(async () => {
  receiver = await OtlpReceiver.start();
  reports = [];
});
afterEach(() => receiver.close());

function start(url = `${receiver.url}/v1/traces`): TraceExport {
  return TraceExport.start({ url, version: '1.2.3', nodeName: 'node-1', report: (message) => reports.push(message) });
}

function named(name: string): ReceivedSpan {
  const found = receiver.spans.filter((span) => span.name === name);
  expect(found).toHaveLength(1);
  return found[0]!;
}

describe('spans', () => {
  test('are nothing as long as nobody wants them', () => {
    expect(openSpan('x')).toBeUndefined();
    expect(inSpan('x', () => 7)).toBe(7);
  });

  test('are sent with what they lie in, their attributes and errors', async () => {
    const traces = start();
    expect(
      inSpan('outer', () => {
        inSpan('first', () => {}, { hook: 'lsm:file_open', count: 2 });
        try {
          inSpan('second', () => {
            throw new Error('no room');
          });
        } catch {
          /* The work goes on. */
        }
        return 'done';
      }),
    ).toBe('done');
    inSpan('next', () => {});
    await traces.close();
    const [outer, first, second, next] = ['outer', 'first', 'second', 'next'].map(named);
    expect(outer!.parentSpanId).toBe('');
    expect([first!.parentSpanId, second!.parentSpanId]).toEqual([outer!.spanId, outer!.spanId]);
    expect(first!.attributes).toEqual({ hook: 'lsm:file_open', count: 2 });
    expect([first!.error, second!.error, outer!.error]).toEqual([undefined, 'no room', undefined]);
    expect(next!.traceId).not.toBe(outer!.traceId);
    expect(receiver.resource).toMatchObject({
      'service.name': 'jatai',
      'service.version': '1.2.3',
      'host.name': 'node-1',
    });
    expect(reports).toEqual([]);
    expect(openSpan('x')).toBeUndefined();
  });

  test('that nobody takes do not hold up the end', async () => {
    await receiver.close();
    const traces = start();
    inSpan('lost', () => {});
    await traces.close();
    receiver = await OtlpReceiver.start();
  }, 20_000);

  test('that a receiver refuses are told of', async () => {
    const traces = start();
    receiver.statuses.push(400);
    inSpan('refused', () => {});
    await traces.close();
    expect(reports).toEqual([expect.stringContaining('traces cannot be sent by OTLP')]);
  });
});

describe('calls of the API', () => {
  const routes: Routes = new Map<string, Route>([
    [
      '/test.Test/Work',
      (call) => ({
        onMessage: () => {
          inSpan('inner', () => {});
          call.finish();
        },
      }),
    ],
    [
      '/test.Test/Refuse',
      () => ({
        onMessage: () => {
          throw new StatusError('NOT_FOUND', 'it is not there');
        },
      }),
    ],
    [
      '/test.Test/Break',
      () => ({
        onMessage: () => {
          throw new Error('a bug');
        },
      }),
    ],
  ]);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const message = [frame(Buffer.from('x'))];

  test('belong to the trace of the caller, and what they do to them', async () => {
    const traces = start();
    await using server = await startTestServer({ routes });
    await callRaw(server.connect(), { ':path': '/test.Test/Work', traceparent }, message);
    await traces.close();
    const call = named('test.Test/Work');
    expect(call).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentSpanId: 'b7ad6b7169203331',
      kind: 2,
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': 'test.Test',
        'rpc.method': 'Work',
        'rpc.grpc.status_code': 0,
      },
      error: undefined,
    });
    expect(named('inner')).toMatchObject({ traceId: call.traceId, parentSpanId: call.spanId });
  });

  test('have the status that the client got; only faults of the server are errors', async () => {
    const traces = start();
    await using server = await startTestServer({ routes });
    for (const path of ['/test.Test/Refuse', '/test.Test/Break', '/no.Such/Method']) {
      await callRaw(server.connect(), { ':path': path, traceparent: 'nonsense' }, message);
    }
    await traces.close();
    expect(named('test.Test/Refuse')).toMatchObject({
      attributes: { 'rpc.grpc.status_code': 5 },
      error: undefined,
      parentSpanId: '',
    });
    expect(named('test.Test/Break')).toMatchObject({ attributes: { 'rpc.grpc.status_code': 13 } });
    expect(named('test.Test/Break').error).toContain('a bug');
    expect(named('unknown method')).toMatchObject({ attributes: { 'rpc.grpc.status_code': 12 } });
  });
});
