import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type HttpAnswer, HttpClient } from '../http-client.ts';
import { OtlpFailure, type OtlpTransport } from './otlp-failure.ts';
import type { OtlpSettings } from './otlp-settings.ts';

/** OTLP over HTTP/1.1, by binary protobuf. */
export class OtlpHttp implements OtlpTransport {
  readonly #settings: OtlpSettings;
  readonly #client: HttpClient;
  readonly #userAgent: string;

  constructor(settings: OtlpSettings, userAgent: string) {
    this.#settings = settings;
    this.#userAgent = userAgent;
    this.#client = new HttpClient(settings.url, settings.tls);
  }

  async send(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const isCompressed = this.#settings.compression === 'gzip';
    const body = isCompressed ? await promisify(gzip)(request) : request;
    const headers = {
      ...this.#settings.headers(),
      'content-type': 'application/x-protobuf',
      'user-agent': this.#userAgent,
      ...(isCompressed && { 'content-encoding': 'gzip' }),
    };
    const answer = await this.#client.post(body, signal, headers).catch((error: Error) => {
      throw new OtlpFailure(error.name === 'AbortError' ? 'no answer in time' : error.message, 'try_again');
    });
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw failureOf(answer);
  }

  close(): void {
    this.#client.close();
  }
}

/** 429 and 502 to 504 are to be tried again, other errors must not be; what redirects us is no receiver yet. */
function failureOf({ status, retryAfterMs, text }: HttpAnswer): OtlpFailure {
  const message = `status ${status}${text === '' ? '' : `: ${JSON.stringify(text)}`}`;
  if (status === 413) return new OtlpFailure(message, 'too_large');
  if (status < 400 || passingStatuses.has(status)) return new OtlpFailure(message, 'try_again', retryAfterMs);
  return new OtlpFailure(message, 'refused');
}

const passingStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);
