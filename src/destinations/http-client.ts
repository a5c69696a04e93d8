import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type TlsConfig, tlsOptions } from './tls-keys.ts';

/** What a receiver answered. */
export interface HttpAnswer {
  readonly status: number;
  /** From `Retry-After`; undefined when it says nothing. */
  readonly retryAfterMs: number | undefined;
  /** Without what is beyond 1 MiB. */
  readonly body: Buffer;
  /** The beginning of the body, for messages; empty when it is no text. */
  readonly text: string;
}

/** POSTs to one address, by one connection that is kept. Redirections are not followed. */
export class HttpClient {
  readonly #url: URL;
  readonly #tls: TlsConfig | undefined;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(url: URL, tls: TlsConfig | undefined) {
    this.#url = url;
    this.#tls = tls;
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(connectionOptions) : new HttpAgent(connectionOptions);
  }

  /** Rejects with the system's error when there is no answer. */
  post(body: Uint8Array, signal: AbortSignal, headers: Readonly<Record<string, string>>): Promise<HttpAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const options = {
      method: 'POST',
      headers: { ...headers, 'content-length': body.length },
      signal,
      agent: this.#agent,
    };
    const answered = (response: IncomingMessage): void => void readAnswer(response).then(resolve, reject);
    const request =
      this.#url.protocol === 'https:'
        ? requestHttps(this.#url, { ...options, ...tlsOptions(this.#tls) }, answered)
        : requestHttp(this.#url, options, answered);
    /* Not once: a connection may fail again after the answer. */
    request.on('error', (error: NodeJS.ErrnoException) => {
      /* The receiver closed a connection that was idle, just when it was used again: that is no failure yet. */
      if (request.reusedSocket && error.code === 'ECONNRESET') resolve(this.post(body, signal, headers));
      else reject(error);
    });
    request.end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Reads the body to its end, so that the connection can be used again, unless it is longer than anyone needs. */
async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= longestBody) break;
  }
  const body = Buffer.concat(chunks);
  const isText = /^(text\/|application\/(problem\+)?json)/.test(response.headers['content-type'] ?? 'text/plain');
  return {
    status: response.statusCode ?? 0,
    retryAfterMs: retryAfterMs(response.headers['retry-after'], Date.now()),
    body,
    text: isText ? body.toString('utf8', 0, longestText).trim() : '',
  };
}

/** Seconds, or a date. */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  const ms = Number.isNaN(seconds) ? Date.parse(value) - nowMs : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

const connectionOptions = { keepAlive: true, maxSockets: 1 };
const longestBody = 1024 * 1024;
const longestText = 200;
