import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { readCertificates } from '../config/certificates.ts';
import { type KeyValues, optionalKey, scalar, type ValueReader, withDefault } from '../config/key-table.ts';
import { booleanType, textType } from '../config/option-types.ts';

function filePath(read: (path: string) => unknown): ValueReader<string> {
  return (node, report) => {
    const path = scalar(textType('FILE'))(node, report);
    if (path === undefined) return undefined;
    try {
      read(path);
      return path;
    } catch (error) {
      report(node.position, `The file cannot be used: ${(error as Error).message}`);
      return undefined;
    }
  };
}

/** The group `tls:` of destinations that speak TLS. */
export const tlsKeys = {
  /** PEM file of the authorities that the receiver's certificate may come from; the system's without it. */
  ca: optionalKey(filePath(readCertificates)),
  /** PEM files of our own certificate and its key, when the receiver asks for one. */
  cert: optionalKey(filePath(readCertificates)),
  key: optionalKey(filePath(readFileSync)),
  /** The name that the certificate must be for, when it is not that of the address. */
  serverName: optionalKey(scalar(textType('NAME'))),
  /** Takes any certificate: what is sent can be read by whoever stands between. */
  insecureSkipVerify: withDefault(scalar(booleanType), false),
} as const;

export type TlsConfig = KeyValues<typeof tlsKeys>;

/**
 * Options for `tls.connect`, `https.request` and the like. Files are read each time, so that certificates may be exchanged
 * while the agent runs. Throws the system's error.
 */
export function tlsOptions(tls: TlsConfig | undefined): ConnectionOptions {
  if (tls === undefined) return { minVersion: 'TLSv1.2' };
  return {
    minVersion: 'TLSv1.2',
    ...(tls.ca !== undefined && { ca: readFileSync(tls.ca) }),
    ...(tls.cert !== undefined && { cert: readFileSync(tls.cert) }),
    ...(tls.key !== undefined && { key: readFileSync(tls.key) }),
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    rejectUnauthorized: !tls.insecureSkipVerify,
  };
}
