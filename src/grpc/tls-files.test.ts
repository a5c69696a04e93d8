import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientTls, GrpcClient } from '../client/grpc-client.ts';
import { requireAdmin } from './peer.ts';
import { GrpcServer, type Routes } from './server.ts';
import type { ServerAddress } from './server-address.ts';
import { TlsFiles } from './tls-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'jatai-tls-'));
const file = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

/** A certificate `name.pem` and its key, signed by `authority`, or by itself. */
function makeCertificate(name: string, authority?: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  const signer = authority === undefined ? [] : ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  openssl('req', '-x509', ...key, ...signer, ...names, '-days', '2', '-out', `${name}.pem`);
}

const routes: Routes = new Map([
  [
    '/test/Change',
    (call) => ({
      onMessage: () => {
        requireAdmin(call.peer);
        call.send(Buffer.from(call.peer.name));
        call.finish();
      },
    }),
  ],
  [
    '/test/Read',
    (call) => ({
      onMessage: () => {
        call.send(Buffer.from(call.peer.role));
        call.finish();
      },
    }),
  ],
]);

const reports: string[] = [];

async function serve(requireClientCert: boolean): Promise<{ server: GrpcServer; address: ServerAddress }> {
  const tls = new TlsFiles({
    certFile: file('live.pem'),
    keyFile: file('live.key'),
    clientCaFiles: [file('authority.pem')],
    requireClientCert,
    report: (message) => reports.push(message),
  });
  const server = new GrpcServer({ routes, tls });
  return { server, address: await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }) };
}

async function call(address: ServerAddress, path: string, tls: ClientTls | undefined): Promise<string> {
  using client = await GrpcClient.connect({ address, tls, timeoutMs: 5000 });
  return (await client.unary(path, Buffer.alloc(0))).toString();
}

beforeAll(() => {
  for (const authority of ['authority', 'stranger']) makeCertificate(authority);
  for (const name of ['server', 'server2', 'admin']) makeCertificate(name, 'authority');
  makeCertificate('impostor', 'stranger');
  copyFileSync(file('server.pem'), file('live.pem'));
  copyFileSync(file('server.key'), file('live.key'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('TLS', () => {
  test('who shows a certificate of our authority may change things, others may read', async () => {
    const { server, address } = await serve(false);
    const ca = [read('authority.pem')];
    const admin = { ca, cert: read('admin.pem'), key: read('admin.key') };
    expect(await call(address, '/test/Change', admin)).toMatch(/^127\.0\.0\.1:\d+ \(CN=admin\)$/);
    expect(await call(address, '/test/Read', { ca })).toBe('reader');
    await expect(call(address, '/test/Change', { ca })).rejects.toMatchObject({ status: 'PERMISSION_DENIED' });
    const impostor = { ca, cert: read('impostor.pem'), key: read('impostor.key') };
    expect(await call(address, '/test/Read', impostor)).toBe('reader');
    await expect(call(address, '/test/Change', impostor)).rejects.toMatchObject({ status: 'PERMISSION_DENIED' });
    await server.close();
  });

  test('clients without a certificate can be refused', async () => {
    const { server, address } = await serve(true);
    const ca = [read('authority.pem')];
    await expect(call(address, '/test/Read', { ca })).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    expect(await call(address, '/test/Read', { ca, cert: read('admin.pem'), key: read('admin.key') })).toBe('admin');
    await server.close();
  });

  test('a client notices a server of another authority, and one without TLS', async () => {
    const { server, address } = await serve(false);
    await expect(call(address, '/test/Read', { ca: [read('stranger.pem')] })).rejects.toThrow(/certificate|signature/);
    expect(await call(address, '/test/Read', { skipVerify: true })).toBe('reader');
    await expect(call(address, '/test/Read', undefined)).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    await server.close();
  });

  test('files that are replaced are used for new connections; a broken pair is not', async () => {
    const { server, address } = await serve(false);
    const pinned = { ca: [read('server2.pem'), read('authority.pem')], serverName: 'localhost' };
    expect(await call(address, '/test/Read', pinned)).toBe('reader');
    reports.length = 0;
    writeFileSync(file('live.pem'), 'no certificate');
    await until(() => reports.length === 1);
    expect(reports[0]).toMatch(/^the new TLS files are not used: /);
    expect(await call(address, '/test/Read', pinned)).toBe('reader');
    for (const kind of ['key', 'pem']) {
      copyFileSync(file(`server2.${kind}`), file('incoming'));
      renameSync(file('incoming'), file(`live.${kind}`));
    }
    await until(() => reports.includes('the new TLS files are used from now on'));
    expect(await subjectOf(address)).toBe('server2');
    await server.close();
  });

  test('every address gets the new files', async () => {
    for (const kind of ['key', 'pem']) copyFileSync(file(`server.${kind}`), file(`live.${kind}`));
    const { server, address } = await serve(false);
    const second = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    reports.length = 0;
    for (const kind of ['key', 'pem']) {
      copyFileSync(file(`server2.${kind}`), file('incoming'));
      renameSync(file('incoming'), file(`live.${kind}`));
    }
    await until(() => reports.includes('the new TLS files are used from now on'));
    expect([await subjectOf(address), await subjectOf(second)]).toEqual(['server2', 'server2']);
    await server.close();
  });

  test('a missing file, one with something else and a key of another certificate are an error at once', () => {
    const options = { clientCaFiles: [], requireClientCert: false, report: () => {} };
    expect(() => new TlsFiles({ ...options, certFile: file('nope.pem'), keyFile: file('live.key') })).toThrow('ENOENT');
    expect(() => new TlsFiles({ ...options, certFile: file('admin.pem'), keyFile: file('server.key') })).toThrow(
      /server\.key is not the key of .*admin\.pem/,
    );
    writeFileSync(file('text.pem'), 'no certificate');
    const pair = { certFile: file('admin.pem'), keyFile: file('admin.key') };
    expect(() => new TlsFiles({ ...options, ...pair, clientCaFiles: [file('text.pem')] })).toThrow(
      /text\.pem: there is no certificate/,
    );
  });
});

async function subjectOf(address: ServerAddress): Promise<string> {
  const { connect } = await import('node:tls');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const port = address.kind === 'tcp' ? address.port : 0;
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
    resolve(String(socket.getPeerCertificate().subject.CN));
    socket.destroy();
  });
  socket.on('error', reject);
  return promise;
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 1000 && !condition(); round++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}
