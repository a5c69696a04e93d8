import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { defaultsOf } from '../../src/config/key-table.ts';
import { type Destination, type DestinationContext, deliveredAll } from '../../src/destinations/destination.ts';
import { LineMessage } from '../../src/destinations/line-message.ts';
import { destinationType, type SyslogConfig } from '../../src/destinations/syslog/syslog.ts';
import { parseSyslogAddress } from '../../src/destinations/syslog/syslog-address.ts';
import { missingNumbers, readReceived } from './harness/accounting.ts';
import { fileOutput, makeCalls, outageMs, shortEvents, TestAgent, testFolder, until } from './harness/agent.ts';
import { freePort } from './harness/programs.ts';
import { connects, hasRsyslog, Rsyslog } from './harness/rsyslog.ts';

const withRsyslog = hasRsyslog ? test : test.skip;
const reason = hasRsyslog ? '' : ' (skipped: rsyslogd is not installed)';

let rsyslog: Rsyslog | undefined;
let destination: Destination | undefined;
afterEach(async () => {
  await destination?.close();
  await rsyslog?.stop('SIGKILL');
});

describe(`rsyslog receives${reason}`, () => {
  withRsyslog('by TCP, every field of RFC 5424', async () => {
    const address = await listenByTcp();
    const open = await openDestination(address, { facility: 'authpriv', structuredData: true });
    expect(await open.deliver([execEvent(1), refusedEvent], noSignal)).toEqual(deliveredAll);
    await until(() => rsyslog!.messages().length === 2);
    const [exec, refused] = rsyslog!.messages();
    expect(exec).toEqual({
      priority: String(10 * 8 + 6),
      time: '2026-11-20T04:59:45.048218Z',
      host: 'node-1',
      application: 'jatai',
      processId: String(process.pid),
      type: 'process_exec',
      structured: '[origin software="jatai" swVersion="1.2.3"]',
      text: execEvent(1).body.toString(),
    });
    expect(refused).toMatchObject({ priority: String(10 * 8 + 4), type: 'process_lsm' });
  });

  withRsyslog('by TCP, events as long as its limit allows, and in lines', async () => {
    const address = await listenByTcp();
    const open = await openDestination(address, { framing: 'newline' });
    const long = execEvent(1, 'ü'.repeat(200_000));
    await open.deliver([long, execEvent(2)], noSignal);
    await until(() => rsyslog!.messages().length === 2);
    expect(rsyslog!.messages()[0]!.text).toBe(long.body.toString());
  });

  withRsyslog('by TLS with certificates of both sides, and not without', async () => {
    const folder = testFolder();
    for (const name of ['authority', 'stranger']) makeCertificate(folder, name);
    for (const name of ['server', 'client']) makeCertificate(folder, name, 'authority');
    const port = await freePort();
    const file = (name: string): string => join(folder, name);
    const files = `StreamDriver.CAFile="${file('authority.pem')}" StreamDriver.CertFile="${file('server.pem')}"`;
    const driver = 'StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid"';
    await startRsyslog(
      folder,
      port,
      `module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="${port}" ${driver} ${files} StreamDriver.KeyFile="${file('server.key')}")`,
    );
    const tls = { ...noTls, ca: file('authority.pem'), cert: file('client.pem'), key: file('client.key') };
    const open = await openDestination(`tls://localhost:${port}`, { tls });
    await open.deliver([execEvent(1)], noSignal);
    await until(() => rsyslog!.messages().length === 1);
    await open.close();

    const stranger = await openDestination(`tls://localhost:${port}`, { tls: { ...tls, ca: file('stranger.pem') } });
    await expect(stranger.deliver([execEvent(2)], noSignal)).rejects.toThrow(/certificate/);
    await sleep(200);
    expect(rsyslog!.messages()).toHaveLength(1);
  });

  withRsyslog(
    'by a unix socket, also a new one of the same name; what is too long is refused',
    async () => {
      const folder = testFolder();
      const path = join(folder, 'log');
      const inputs = `module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="${path}" UseSpecialParser="off" RateLimit.Interval="0" UseSysTimeStamp="off")`;
      rsyslog = new Rsyslog({ folder, inputs, listens: async () => existsSync(path) });
      await rsyslog.start();
      const open = await openDestination(`unix://${path}`);
      const many = Array.from({ length: 2000 }, (_, index) => execEvent(index + 1));
      expect(await open.deliver([...many, execEvent(0, 'x'.repeat(200_000))], noSignal)).toMatchObject({ rejected: 1 });
      await until(() => rsyslog!.messages().length === 2000);
      await rsyslog.stop();
      await expect(open.deliver([execEvent(2001)], noSignal)).rejects.toThrow(/ECONNREFUSED|ENOENT/);
      await rsyslog.start();
      await open.deliver([execEvent(2001)], noSignal);
      await until(() => rsyslog!.messages().some(({ text }) => text.includes('"sequence":"2001"')));
      const received = readReceived(rsyslog.messages().map(({ text }) => text));
      expect(missingNumbers(received, 2001)).toEqual([]);
    },
    60_000,
  );

  withRsyslog('by UDP', async () => {
    const port = await freePort();
    const folder = testFolder();
    const inputs = `module(load="imudp")\ninput(type="imudp" address="127.0.0.1" port="${port}")`;
    rsyslog = new Rsyslog({ folder, inputs, listens: () => sleep(500, true) });
    await rsyslog.start();
    const open = await openDestination(`udp://127.0.0.1:${port}`);
    const batch = [execEvent(1), execEvent(2, 'x'.repeat(70_000)), execEvent(3)];
    expect(await open.deliver(batch, noSignal)).toEqual({ rejected: 1, reason: 'longer than 65507 bytes' });
    await until(() => rsyslog!.messages().length === 2);
  });
});

const outages = [
  ['ends', 'SIGTERM'],
  ['is killed', 'SIGKILL'],
] as const;

describe.each(outages)(`rsyslog %s under load${reason}`, (_how, signal) => {
  withRsyslog(
    'what it got and what the metrics say is missing are all events; the file has them all',
    async ({ skip }) => {
      const folder = testFolder();
      const address = await listenByTcp(folder);
      const file = join(folder, 'events.json');
      const agent = await TestAgent.start(
        folder,
        `outputs:
  - ${fileOutput(file)}
  - {name: siem, type: syslog, address: "${address}", ${shortEvents}, bufferSize: 256KiB, retry: {initialDelay: 200ms, maxDelay: 500ms}}
`,
      );
      if (typeof agent === 'string') return skip(`the agent does not start here: ${agent}`);
      const stopCalls = makeCalls(folder, 2000);
      await until(() => rsyslog!.messages().length > 1000);
      await rsyslog!.stop(signal);
      await sleep(outageMs);
      await rsyslog!.start();
      await sleep(1000);
      await stopCalls();
      const dropped = await agent.finalDrops('siem');
      const retries = await agent.perOutput('jatai_output_retries_total');
      await agent.stop();
      await rsyslog!.stop();

      const made = readReceived(readFileSync(file, 'utf8').split('\n').slice(0, -1));
      const last = made.numbers.size;
      expect(missingNumbers(made, last)).toEqual([]);
      const received = readReceived(rsyslog!.messages().map(({ text }) => text));
      const missing = missingNumbers(received, last).length;
      expect({ missing, told: received.told }).toEqual({ missing: dropped, told: dropped });
      expect(retries['siem']).toBeGreaterThan(0);
      /* The buffer was too small for the outage. */
      expect(dropped).toBeGreaterThan(100);
    },
    120_000 + 2 * outageMs,
  );
});

async function startRsyslog(folder: string, port: number, inputs: string): Promise<void> {
  rsyslog = new Rsyslog({ folder, inputs, listens: () => connects(port) });
  await rsyslog.start();
}

/** Starts rsyslogd; returns its address. */
async function listenByTcp(folder = testFolder()): Promise<string> {
  const port = await freePort();
  await startRsyslog(folder, port, `module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="${port}")`);
  return `tcp://127.0.0.1:${port}`;
}

async function openDestination(address: string, change: Partial<SyslogConfig> = {}): Promise<Destination> {
  const config = { ...defaultsOf(destinationType.keys), address: parseSyslogAddress(address), ...change };
  const context: DestinationContext = { nodeName: 'node-1', version: '1.2.3', report: () => {} };
  destination = await destinationType.open(config as SyslogConfig, context);
  return destination;
}

function execEvent(sequence: number, text = ''): LineMessage {
  const line = `{"process_exec":{"process":{"exec_id":"YTox","arguments":"${text}"}},"node_name":"node-1","time":"2026-11-20T04:59:45.048218521Z","sequence":"${sequence}"}`;
  return new LineMessage(Buffer.from(line), Buffer.from(line));
}

const refusedLine = Buffer.from('{"process_lsm":{"action":"KPROBE_ACTION_OVERRIDE"},"time":"2026-11-20T04:59:45Z"}');
const refusedEvent = new LineMessage(refusedLine, refusedLine);
const noSignal = new AbortController().signal;
const noTls = { ca: undefined, cert: undefined, key: undefined, serverName: undefined, insecureSkipVerify: false };

/** A certificate `name.pem` and its key, signed by `authority`, or by itself. */
function makeCertificate(folder: string, name: string, authority?: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  const signer = authority === undefined ? [] : ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...key, ...signer, ...names, '-days', '2', '-out', `${name}.pem`], {
    cwd: folder,
    stdio: 'pipe',
  });
}
