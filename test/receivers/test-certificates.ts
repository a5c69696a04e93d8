import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Certificates made by openssl for a test: an authority, and by it a server (localhost, 127.0.0.1) and a client. */
export interface TestCertificates extends Disposable {
  /** Path of `authority.pem`, `server.pem`, `server.key`, `client.pem`, `client.key`. */
  path(name: string): string;
  read(name: string): Buffer;
}

export function makeTestCertificates(): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-certificates-'));
  makeCertificate(folder, 'authority');
  makeCertificate(folder, 'server', 'authority');
  makeCertificate(folder, 'client', 'authority');
  const path = (name: string): string => join(folder, name);
  return {
    path,
    read: (name) => readFileSync(path(name)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

function makeCertificate(folder: string, name: string, authority?: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  const signer = authority === undefined ? [] : ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const certificate = ['req', '-x509', ...key, ...signer, ...names, '-days', '2', '-out', `${name}.pem`];
  execFileSync('openssl', certificate, { cwd: folder, stdio: 'pipe' });
}
