import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DestinationError } from '../destination.ts';
import { UdpTransport, UnixDatagramTransport } from './datagram-transports.ts';
import { ResendWindow } from './resend-window.ts';

const texts = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => Buffer.from(`message ${index}`));

test('UDP: a datagram that was refused has not been delivered', async () => {
  const port = await unusedPort();
  const transport = new UdpTransport('127.0.0.1', port);
  for (let attempt = 0; attempt < 3; attempt++) {
    const failure = await failureOf(transport.send(texts(3), AbortSignal.timeout(5000)));
    expect(failure).toMatchObject({ retryable: true, delivered: 0, message: expect.stringContaining('ECONNREFUSED') });
  }
  await transport.close();
});

test('UDP: where nobody listens at the first address of a name, the others have their turn', async ({ skip }) => {
  const addresses = await lookup('localhost', { all: true });
  const last = addresses.at(-1)!;
  if (addresses.length < 2) return skip('needs a localhost of IPv4 and IPv6');
  const receiver = createSocket({ type: last.family === 6 ? 'udp6' : 'udp4', ipv6Only: last.family === 6 });
  onTestFinished(() => void receiver.close());
  const received: string[] = [];
  receiver.on('message', (text) => received.push(String(text)));
  receiver.bind(0, last.address);
  await once(receiver, 'listening');
  const transport = new UdpTransport('localhost', receiver.address().port);
  await failureOf(transport.send(texts(2), AbortSignal.timeout(5000)));
  await transport.send(texts(2), AbortSignal.timeout(5000));
  await vi.waitFor(() => expect(received).toEqual(texts(2).map(String)));
  await transport.close();
});

test('UDP: an address that cannot be used is named', async () => {
  const transport = new UdpTransport('255.255.255.255', 514);
  await expect(transport.send(texts(1), AbortSignal.timeout(5000))).rejects.toThrow(
    'connect EACCES 255.255.255.255:514',
  );
});

test('a unix socket whose receiver is slow gets each message once', async () => {
  const path = join(folder(), 'log');
  const receiver = spawn('perl', ['-e', slowReceiver, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void receiver.kill());
  let output = '';
  receiver.stdout.on('data', (text) => {
    output += text;
  });
  await once(receiver.stdout, 'data');
  const transport = new UnixDatagramTransport(path, new ResendWindow(5000, 64 * 2 ** 20));
  let rest = texts(200);
  let failures = 0;
  while (rest.length > 0) {
    try {
      await transport.send(rest, AbortSignal.timeout(50));
      rest = [];
    } catch (error) {
      failures++;
      rest = rest.slice((error as DestinationError).delivered);
    }
  }
  await transport.close();
  await once(receiver, 'close');
  expect(failures).toBeGreaterThan(1);
  expect(output.split('\n').filter((line) => line.startsWith('message'))).toEqual(texts(200).map(String));
}, 30_000);

test('a message that the system takes in no datagram is too large from then on', async () => {
  const path = join(folder(), 'log');
  const receiver = spawn('perl', ['-e', slowReceiver, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void receiver.kill());
  await once(receiver.stdout, 'data');
  const transport = new UnixDatagramTransport(path, new ResendWindow(0, 0));
  const large = Buffer.alloc(4_000_000, 'x');
  const failure = await failureOf(transport.send([Buffer.from('small'), large], AbortSignal.timeout(5000)));
  expect(failure).toMatchObject({ delivered: 1, message: 'send: EMSGSIZE' });
  expect(transport.maxMessageBytes).toBeLessThan(large.length);
  await transport.close();
});

/** Reads a datagram every 2 ms, and ends when none comes for two seconds. Node.js cannot; perl is on every Debian. */
const slowReceiver = `
  use Socket; $| = 1; socket(S, PF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])) or die; print "ready\\n";
  $SIG{ALRM} = sub { exit }; alarm 2;
  while (defined recv(S, $text, 999, 0)) { alarm 2; print "$text\\n"; select(undef, undef, undef, 0.002) }`;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'jatai-datagrams-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function unusedPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function failureOf(sending: Promise<unknown>): Promise<DestinationError> {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DestinationError);
  return error as DestinationError;
}
