import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/**
 * The text of a PEM file of certificates, each of which was looked at: Node passes over what is none when it is given as an
 * authority, and then trusts nobody. Throws an Error that names the file.
 */
export function readCertificates(file: string): string {
  const text = readPem(file);
  const certificates = text.match(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?(?:-----END|$)[^\n]*/g) ?? [];
  if (certificates.length === 0) throw new Error(`${file}: there is no certificate in PEM form in it`);
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate);
    } catch (error) {
      throw new Error(`${file}: a certificate in it is damaged: ${(error as Error).message}`);
    }
  }
  return text;
}

/** The texts of a certificate and its key, in PEM form. Throws an Error that names the file, or both. */
export function readKeyPair(certFile: string, keyFile: string): { readonly cert: string; readonly key: string } {
  const pair = { cert: readCertificates(certFile), key: readPem(keyFile) };
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new Error(`${keyFile} is not the key of ${certFile}: ${(error as Error).message}`);
  }
  return pair;
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}
