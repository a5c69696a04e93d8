import * as http from 'node:http';
import * as https from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { tlsOptions } from '../tls-keys.ts';
import { OtlpFailure, type OtlpTransport } from './otlp-failure.ts';
import type { OtlpSettings } from './otlp-settings.ts';

/** OTLP over HTTP/1.1, by binary protobuf. One connection is kept. */
export class OtlpHttp implements OtlpTransport {
  readonly #settings: OtlpSettings;
  readonly #agent: http.Agent;
  readonly #userAgent: string;

  constructor(settings: OtlpSettings, userAgent: string) {
    this.#settings = settings;
    this.#userAgent = userAgent;
    const Agent = settings.url.protocol === 'https:' ? https.Agent : http.Agent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
  }

  async send(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const compressed = this.#settings.compression === 'gzip';
    const body = compressed ? await promisify(gzip)(request) : request;
    const { status, headers, text } = await this.#post(body, signal, {
      ...this.#settings.headers(),
      'content-type': 'application/x-protobuf',
      'content-length': String(body.length),
      'user-agent': this.#userAgent,
      ...(compressed && { 'content-encoding': 'gzip' }),
    });
    if (status >= 200 && status < 300) return text;
    throw failureOf(status, headers, text);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #post(body: Uint8Array, signal: AbortSignal, headers: http.OutgoingHttpHeaders): Promise<Answer> {
    const { url, tls } = this.#settings;
    const { request } = url.protocol === 'https:' ? https : http;
    const options = { method: 'POST', agent: this.#agent, headers, signal };
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const fail = (error: Error): void => {
      /* The receiver closed a connection that was idle, just when it was used again: that is no failure yet. */
      if (call.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') {
        resolve(this.#post(body, signal, headers));
      } else reject(new OtlpFailure(networkProblem(error), 'try_again'));
    };
    const secured = url.protocol === 'https:' ? { ...options, ...tlsOptions(tls) } : options;
    const call = request(url, secured, (response) => readAnswer(response).then(resolve, fail));
    call.on('error', fail);
    call.end(body);
    return promise;
  }
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: Buffer;
}

async function readAnswer(response: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw new Error(`an answer of more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks) };
}

/** 429 and 502 to 504 are to be tried again, other errors must not be; what redirects us is no receiver yet. */
function failureOf(status: number, headers: http.IncomingHttpHeaders, text: Buffer): OtlpFailure {
  const message = `HTTP ${status}${summary(text, headers['content-type'])}`;
  if (status === 413) return new OtlpFailure(message, 'too_large');
  if (status < 400 || [429, 502, 503, 504].includes(status)) {
    return new OtlpFailure(message, 'try_again', retryAfterMs(headers['retry-after']));
  }
  return new OtlpFailure(message, 'refused');
}

/** Seconds, or a date. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const delayMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return delayMs > 0 ? delayMs : undefined;
}

/** The beginning of a text for people; an encoded status is left out. */
function summary(text: Buffer, type: string | undefined): string {
  if (!/^(text\/|application\/json)/.test(type ?? '')) return '';
  return `: ${JSON.stringify(text.toString('utf8', 0, 200).trim())}`;
}

function networkProblem(error: Error): string {
  return error.name === 'AbortError' ? 'no answer in time' : error.message;
}

const maxAnswerBytes = 4 * 1024 * 1024;
