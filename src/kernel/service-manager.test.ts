import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ServiceManager } from './service-manager.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'notify-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it('sends the state of the service to a datagram socket', async () => {
  const path = join(directory, 'notify');
  /* Node.js cannot receive datagrams of unix sockets; perl is on every Debian. */
  const script = `use Socket; $| = 1; socket(S, PF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])) or die;
    print "bound\\n"; recv(S, $text, 999, 0); print "$text\\n"`;
  const receiver = spawn('perl', ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks = receiver.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
  expect((await chunks.next()).value).toBe('bound\n');
  const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '3000000', WATCHDOG_PID: String(process.pid) };
  const manager = new ServiceManager(environment);
  expect(manager.watchdogIntervalMs).toBe(1500);
  expect(environment).toEqual({});
  expect(manager.notify('READY=1', 'two\nlines')).toBe(true);
  expect((await chunks.next()).value).toBe('READY=1\nSTATUS=two lines\n');
});

it('is silent when nobody manages or listens', () => {
  expect(new ServiceManager({}).notify('READY=1')).toBe(false);
  expect(new ServiceManager({ NOTIFY_SOCKET: join(directory, 'nobody') }).notify('READY=1')).toBe(false);
  expect(new ServiceManager({ WATCHDOG_USEC: '2000', WATCHDOG_PID: '1' }).watchdogIntervalMs).toBeUndefined();
});
