import { watch } from 'node:fs';
import { dirname } from 'node:path';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { readCertificates, readKeyPair } from '../config/certificates.ts';

export interface TlsFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities for certificates of clients; without any, no client is asked for one. */
  readonly clientCaFiles: readonly string[];
  /** Refuses connections without a certificate, instead of letting them read. */
  readonly requireClientCert: boolean;
  /** Told when files changed and are used, or cannot be used. */
  readonly report: (message: string) => void;
}

/** Certificates of the server, read again when their files change. */
export class TlsFiles {
  readonly #options: TlsFilesOptions;
  #context: SecureContextOptions;

  /** Throws when a file cannot be read or is no certificate or key. */
  constructor(options: TlsFilesOptions) {
    this.#options = options;
    this.#context = readContext(options);
  }

  serverOptions(): TlsOptions {
    const asksForCertificate = this.#options.clientCaFiles.length > 0;
    return {
      ...this.#context,
      minVersion: 'TLSv1.2',
      requestCert: asksForCertificate,
      rejectUnauthorized: asksForCertificate && this.#options.requireClientCert,
    };
  }

  /**
   * Calls `use` with new certificates after their files changed; connections that exist keep theirs. Files that make
   * no sense (half of a pair was written) are reported and the old ones stay. Returns the way to stop.
   */
  watch(use: (context: SecureContextOptions) => void): () => void {
    const { certFile, keyFile, clientCaFiles } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const changed = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#reload(use), settleMs);
    };
    /* Folders, because files are replaced by renaming, or by moving a symbolic link beside them. */
    const folders = new Set([certFile, keyFile, ...clientCaFiles].map((file) => dirname(file)));
    const watchers = [...folders].map((folder) => watch(folder, { persistent: false }, changed));
    return () => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    };
  }

  #reload(use: (context: SecureContextOptions) => void): void {
    let context: SecureContextOptions;
    try {
      context = readContext(this.#options);
    } catch (error) {
      this.#options.report(`the new TLS files are not used: ${(error as Error).message}`);
      return;
    }
    if (sameContext(context, this.#context)) return;
    this.#context = context;
    use({ ...context, minVersion: 'TLSv1.2' });
    this.#options.report('the new TLS files are used from now on');
  }
}

function readContext({ certFile, keyFile, clientCaFiles }: TlsFilesOptions): SecureContextOptions {
  return {
    ...readKeyPair(certFile, keyFile),
    ...(clientCaFiles.length > 0 && { ca: clientCaFiles.map(readCertificates) }),
  };
}

function sameContext(left: SecureContextOptions, right: SecureContextOptions): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Several files change in a row. */
const settleMs = 100;
