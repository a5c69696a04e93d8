import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { DestinationError } from '../destination.ts';
import { ResendWindow } from './resend-window.ts';
import { StreamTransport } from './stream-transport.ts';

test('a receiver that needs longer than one attempt for what it gets again gets all in the end', async () => {
  const receiver = await startReceiver();
  const { transport } = open(receiver.port);
  const messages = numbered(0, 8000);
  for (let from = 0; from < messages.length; from += 1000)
    await transport.send(messages.slice(from, from + 1000), AbortSignal.timeout(10_000));
  receiver.bytesPerSecond = 6e6;
  receiver.reset();
  let failures = 0;
  let rest: readonly Buffer[] = numbered(8000, 100);
  while (rest.length > 0 && failures < 50) {
    try {
      await transport.send(rest, AbortSignal.timeout(300));
      rest = [];
    } catch (error) {
      failures++;
      rest = rest.slice(error instanceof DestinationError ? error.delivered : 0);
    }
  }
  await until(() => receiver.numbers.at(-1) === 8099);
  expect(failures).toBeGreaterThan(1);
  expect(new Set(receiver.numbers).size).toBe(8100);
  /* Once on each of the two connections. */
  expect(receiver.connections).toBe(2);
  expect(receiver.numbers.length).toBeLessThanOrEqual(16_100);
  await transport.close(AbortSignal.timeout(1000));
}, 60_000);

test('a receiver that reads nothing is left, and the next one gets everything', async () => {
  const receiver = await startReceiver();
  receiver.bytesPerSecond = 0;
  const { transport } = open(receiver.port);
  const messages = numbered(0, 20_000);
  let rest = messages;
  while (receiver.connections < 3) {
    const error = await transport.send(rest, AbortSignal.timeout(200)).then(
      () => undefined,
      (reason: DestinationError) => reason,
    );
    rest = rest.slice(error?.delivered ?? rest.length);
    if (error?.message === 'the receiver takes nothing') receiver.bytesPerSecond = 1e8;
    if (rest.length === 0) break;
  }
  await until(() => new Set(receiver.numbers).size === messages.length);
  await transport.close(AbortSignal.timeout(1000));
}, 60_000);

test('the end without the receiver says what may be missing', async () => {
  const receiver = await startReceiver();
  const { transport, reports } = open(receiver.port);
  await transport.send(numbered(0, 7), AbortSignal.timeout(10_000));
  receiver.stop();
  await sleep(50);
  await transport.close(AbortSignal.timeout(300));
  expect(reports).toEqual(['up to 7 events that were sent may not have arrived']);
});

function open(port: number) {
  const reports: string[] = [];
  const transport = new StreamTransport({
    address: { transport: 'tcp', host: '127.0.0.1', port },
    tls: undefined,
    framing: 'newline',
    window: new ResendWindow(5000, 64 * 2 ** 20),
    report: (text) => reports.push(text),
  });
  return { transport, reports };
}

/** Messages of a kilobyte that begin with their numbers. */
function numbered(from: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(String(from + index).padStart(1000, '0')));
}

/** Reads so many bytes a second. */
async function startReceiver() {
  const receiver = {
    port: 0,
    bytesPerSecond: 1e8,
    connections: 0,
    numbers: [] as number[],
    reset: () => last?.resetAndDestroy(),
    stop: () => {
      server.close();
      last?.destroy();
    },
  };
  let last: Socket | undefined;
  const server = createServer((socket) => {
    receiver.connections++;
    last = socket;
    let rest = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const lines = `${rest}${bytes.toString('latin1')}`.split('\n');
      rest = lines.pop()!;
      receiver.numbers.push(...lines.map(Number));
      socket.pause();
      const goOn = (): void => {
        if (receiver.bytesPerSecond > 0)
          setTimeout(() => socket.resume(), (1000 * bytes.length) / receiver.bytesPerSecond);
        else setTimeout(goOn, 10).unref();
      };
      goOn();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.port = (server.address() as AddressInfo).port;
  onTestFinished(receiver.stop);
  return receiver;
}

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 2000 && !holds(); round++) await sleep(10);
  expect(holds()).toBe(true);
}
