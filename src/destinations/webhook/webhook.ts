import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import { group, type KeyValues, mapOf, optionalKey, required, scalar, withDefault } from '../../config/key-table.ts';
import { choiceType, type OptionType } from '../../config/option-types.ts';
import { type Secret, secretValue } from '../../config/secret-key.ts';
import { type Delivery, type Destination, DestinationError, deliveredAll, type Message } from '../destination.ts';
import type { DestinationType } from '../destination-type.ts';
import { type HttpAnswer, HttpClient } from '../http-client.ts';
import { tlsKeys } from '../tls-keys.ts';

const urlType: OptionType<URL> = {
  placeholder: 'URL',
  parse: (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      throw new Error('an address such as https://example.com/events');
    if (url.username !== '' || url.password !== '')
      throw new Error('an address without a password: write headers: {Authorization: {file: /path}}');
    return url;
  },
  show: (url) => url.href,
};

const keys = {
  address: required(scalar(urlType)),
  /** An array of events in each request, or one event on each line. */
  format: withDefault(scalar(choiceType(['array', 'ndjson'])), 'array'),
  compression: withDefault(scalar(choiceType(['none', 'gzip'])), 'none'),
  headers: withDefault(mapOf<Secret>(secretValue), {}),
  tls: optionalKey(group(tlsKeys)),
} as const;

export type WebhookConfig = KeyValues<typeof keys>;

export const destinationType: DestinationType<WebhookConfig> = {
  keys,
  check: ({ address, tls, headers }, problem) => {
    if (tls !== undefined && address?.protocol === 'http:')
      problem('tls', 'TLS is not used with this address', 'Write "address: https://...".');
    for (const name of Object.keys(headers)) {
      if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name))
        problem('headers', `${JSON.stringify(name)} is not the name of a header`);
      else if (ownHeaders.has(name.toLowerCase())) problem('headers', `The header ${name} is set by the output itself`);
    }
  },
  open: async (config, { version }) => new WebhookDestination(config, version),
};

/** POSTs batches. What is too large for the receiver is sent in halves. */
class WebhookDestination implements Destination {
  readonly name: string;
  readonly #config: WebhookConfig;
  readonly #client: HttpClient;
  readonly #version: string;

  constructor(config: WebhookConfig, version: string) {
    this.name = `webhook ${config.address.origin}`;
    this.#config = config;
    this.#client = new HttpClient(config.address, config.tls);
    this.#version = version;
  }

  async deliver(batch: readonly Message[], signal: AbortSignal): Promise<Delivery> {
    const answer = await this.#post(batch, signal);
    const { status } = answer;
    if (status >= 200 && status < 300) return deliveredAll;
    if (status === PAYLOAD_TOO_LARGE && batch.length > 1) return this.#deliverHalves(batch, signal);
    throw failureOf(answer);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #deliverHalves(batch: readonly Message[], signal: AbortSignal): Promise<Delivery> {
    const middle = Math.ceil(batch.length / 2);
    const first = await this.#deliverPart(batch.slice(0, middle), signal);
    try {
      const second = await this.#deliverPart(batch.slice(middle), signal);
      const reason = first.reason ?? second.reason;
      return { rejected: first.rejected + second.rejected, ...(reason !== undefined && { reason }) };
    } catch (error) {
      /* The receiver has dealt with the first half. */
      const known = error instanceof DestinationError ? error : { delivered: 0, rejected: 0, retryAfterMs: undefined };
      throw new DestinationError((error as Error).message, {
        retryable: true,
        retryAfterMs: known.retryAfterMs,
        delivered: middle + known.delivered,
        rejected: first.rejected + known.rejected,
        cause: error,
      });
    }
  }

  /** The same as `deliver`, but a refusal for good is a number. */
  async #deliverPart(batch: readonly Message[], signal: AbortSignal): Promise<Delivery> {
    try {
      return await this.deliver(batch, signal);
    } catch (error) {
      if (!(error instanceof DestinationError) || error.retryable) throw error;
      return { rejected: batch.length - error.delivered + error.rejected, reason: error.message };
    }
  }

  async #post(batch: readonly Message[], signal: AbortSignal): Promise<HttpAnswer> {
    const { format, compression, headers } = this.#config;
    const plain = format === 'array' ? arrayOf(batch) : linesOf(batch);
    const body = compression === 'gzip' ? await gzip(plain) : plain;
    return this.#client.post(body, signal, {
      'user-agent': `jatai/${this.#version}`,
      ...Object.fromEntries(Object.entries(headers).map(([name, secret]) => [name, secret.read()])),
      'content-type': format === 'array' ? 'application/json' : 'application/x-ndjson',
      ...(compression === 'gzip' && { 'content-encoding': 'gzip' }),
    });
  }
}

/** What passes (the receiver's own trouble, too many requests) is tried again; what it says of our request is not. */
function failureOf({ status, retryAfterMs, text }: HttpAnswer): DestinationError {
  const retryable = status >= 500 || passingStatuses.has(status);
  const words = text === '' ? '' : `: ${JSON.stringify(text)}`;
  return new DestinationError(`status ${status}${words}`, { retryable, retryAfterMs });
}

function arrayOf(batch: readonly Message[]): Buffer {
  const parts: Buffer[] = [];
  for (const { body } of batch) parts.push(parts.length === 0 ? arrayStart : comma, body);
  return Buffer.concat([...parts, arrayEnd]);
}

function linesOf(batch: readonly Message[]): Buffer {
  return Buffer.concat(batch.flatMap(({ body }) => [body, newline]));
}

const gzip = promisify(gzipWithCallback) as (bytes: Buffer) => Promise<Buffer>;
const arrayStart = Buffer.from('[');
const comma = Buffer.from(',');
const arrayEnd = Buffer.from(']');
const newline = Buffer.from('\n');
const PAYLOAD_TOO_LARGE = 413;
/** Request Timeout, Too Early, Too Many Requests. */
const passingStatuses: ReadonlySet<number> = new Set([408, 425, 429]);
const ownHeaders: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'host',
  'connection',
]);
