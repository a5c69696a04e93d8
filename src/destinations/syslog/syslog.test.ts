import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { defaultsOf } from '../../config/key-table.ts';
import { LineMessage } from '../line-message.ts';
import { destinationType, type SyslogConfig } from './syslog.ts';

test('a failure behind messages that were too long counts both: those sent and those refused', async () => {
  const port = await startDeafReceiver();
  const config = {
    ...(defaultsOf(destinationType.keys) as SyslogConfig),
    address: { transport: 'tcp', host: '127.0.0.1', port },
    maxMessageSize: 2_000_000,
  } as const;
  const destination = await destinationType.open(config, { nodeName: 'n', version: '1', report: () => {} });
  /* The second is too long; what the system takes for a receiver that does not read ends among the others. */
  const sizes = [500_000, 3_000_000, 500_000, ...Array<number>(22).fill(1_900_000)];
  const failure = await destination.deliver(sizes.map(messageOf), AbortSignal.timeout(1000)).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ retryable: true, rejected: 1 });
  expect((failure as { delivered: number }).delivered).toBeGreaterThan(2);
  expect((failure as { delivered: number }).delivered).toBeLessThan(sizes.length);
  await destination.close();
});

function messageOf(size: number): LineMessage {
  const line = Buffer.from(`{"process_exec":{"text":"${'x'.repeat(size)}"}}`);
  return new LineMessage(line, line);
}

async function startDeafReceiver(): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
