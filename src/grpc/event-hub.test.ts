import { afterEach, describe, expect, test } from 'vitest';
import { GrpcClient } from '../client/grpc-client.ts';
import { EventPipeline } from '../events/event-pipeline.ts';
import { execBytes } from '../events/test-record.ts';
import { loadApi, tetragonFiles } from './api-root.ts';
import { EventHub } from './event-hub.ts';
import { startTestServer, type TestServer } from './test-server.ts';

const responseType = loadApi(tetragonFiles).lookupType('tetragon.GetEventsResponse');

interface Served {
  readonly test1: TestServer;
  readonly hub: EventHub;
  /** Sends `count` exec events and tells the sinks that the batch ended. */
  emit(count: number): void;
}

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
});

async function serveEvents(maxBytes: number, sequenceNumbers = false): Promise<Served> {
  const hub = new EventHub();
  const pipeline = new EventPipeline({ nodeName: 'node1', bootToWallNs: 0n, sinks: [hub] });
  hub.setEncoding(() => pipeline.encoding);
  const test1 = await startTestServer({
    routes: new Map([
      [
        '/test/Events',
        (call) => {
          let close = (): void => {};
          return {
            onMessage: () => {
              const send = (frames: Buffer, done: () => void): void => call.sendFrames(frames, done);
              const subscriber = hub.subscribe({ send, maxBytes, sequenceNumbers });
              close = () => subscriber.close();
              call.respond();
            },
            onClosed: () => close(),
          };
        },
      ],
    ]),
  });
  opened.push(test1);
  let tgid = 1;
  const emit = (count: number): void => {
    for (let index = 0; index < count; index++) {
      const process = { tgid, execKtime: BigInt(tgid), ktime: BigInt(tgid) };
      const exec = execBytes({ ...process, binary: '/bin/true', argv: ['true', 'x'.repeat(200)] });
      pipeline.handle(exec, 0, exec.length);
      tgid++;
    }
    pipeline.flush();
  };
  return { test1, hub, emit };
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 1000 && !condition(); round++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

interface Reader {
  readonly pids: number[];
  readonly numbers: (number | undefined)[];
  lost: number;
  readonly client: GrpcClient;
}

async function read(socket: string): Promise<Reader> {
  const client = await GrpcClient.connect({ address: { kind: 'unix', path: socket }, timeoutMs: 5000 });
  const reader: Reader = { pids: [], numbers: [], lost: 0, client };
  const receive = async (): Promise<void> => {
    for await (const message of client.stream('/test/Events', Buffer.alloc(0))) {
      const event = responseType.toObject(responseType.decode(message), { longs: Number });
      if (event['rate_limit_info'] === undefined) {
        reader.pids.push(event['process_exec'].process.pid.value);
        reader.numbers.push(event['sequence']);
      } else reader.lost += event['rate_limit_info'].number_of_dropped_process_events;
    }
  };
  receive().catch(() => {});
  return reader;
}

describe('EventHub', () => {
  test('a client that never reads costs the others nothing', async () => {
    const { test1, hub, emit } = await serveEvents(256 * 1024);
    const live = await read(test1.socket);
    /* A connection of its own, with a stream that nobody reads. */
    const session = test1.connect();
    const deaf = session.request({ ':method': 'POST', ':path': '/test/Events', 'content-type': 'application/grpc' });
    deaf.end(Buffer.alloc(5));
    deaf.pause();
    await until(() => hub.counters().clients === 2);
    for (let batch = 0; batch < 200; batch++) {
      emit(50);
      await until(() => live.pids.length === (batch + 1) * 50);
    }
    expect(live.pids).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
    expect(live.lost).toBe(0);
    expect(hub.counters().dropped).toBeGreaterThan(1000);
    session.destroy();
    await until(() => hub.counters().clients === 1);
    expect(hub.counters().dropped).toBeGreaterThan(1000);
    live.client.close();
  });

  test('a client that was too slow is told how many events it missed, where they are missing', async () => {
    const { test1, hub, emit } = await serveEvents(64 * 1024);
    const slow = await read(test1.socket);
    await until(() => hub.counters().clients === 1);
    /* More than fits, in one turn of the event loop: nothing can be sent in between. */
    emit(5000);
    await until(() => slow.pids.length > 0);
    emit(1);
    await until(() => slow.pids.at(-1) === 5001);
    expect(slow.lost).toBe(hub.counters().dropped);
    expect(slow.pids.length + slow.lost).toBe(5001);
    const gap = slow.pids.findIndex((pid, index) => pid !== index + 1);
    expect(slow.pids.slice(0, gap)).toEqual(Array.from({ length: gap }, (_, index) => index + 1));
    slow.client.close();
  });

  test('numbers of a stream have gaps where events are missing', async () => {
    const { test1, hub, emit } = await serveEvents(64 * 1024, true);
    const slow = await read(test1.socket);
    await until(() => hub.counters().clients === 1);
    emit(5000);
    await until(() => slow.pids.length > 0);
    emit(1);
    await until(() => slow.pids.at(-1) === 5001);
    expect(slow.lost).toBeGreaterThan(0);
    /* Each process has one event: its number is that of the event. */
    expect(slow.numbers).toEqual(slow.pids);
    slow.client.close();
  });

  test('the loss is reported although nothing happens any more', async () => {
    const { test1, hub, emit } = await serveEvents(64 * 1024);
    const slow = await read(test1.socket);
    await until(() => hub.counters().clients === 1);
    emit(5000);
    await until(() => slow.pids.length > 0);
    await until(() => {
      hub.flush();
      return slow.lost > 0;
    });
    expect(slow.pids.length + slow.lost).toBe(5000);
    slow.client.close();
  });

  test('the loss is reported at the end, whatever still waits', async () => {
    const { test1, hub, emit } = await serveEvents(64 * 1024);
    const slow = await read(test1.socket);
    await until(() => hub.counters().clients === 1);
    emit(5000);
    hub.close();
    await test1.server.close();
    await until(() => slow.lost > 0);
    expect(slow.pids.length + slow.lost).toBe(5000);
    slow.client.close();
  });

  test('what is written at the end arrives before the call ends', async () => {
    const { test1, hub, emit } = await serveEvents(1024 * 1024);
    const reader = await read(test1.socket);
    await until(() => hub.counters().clients === 1);
    emit(1000);
    hub.close();
    await test1.server.close();
    await until(() => reader.pids.length === 1000);
    reader.client.close();
  });
});
