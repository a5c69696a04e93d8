import { createSecureContext } from 'node:tls';
import {
  type ChannelCredentials,
  Client,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { Reader } from 'protobufjs/minimal.js';
import { tlsOptions } from '../tls-keys.ts';
import { OtlpFailure, type OtlpTransport } from './otlp-failure.ts';
import type { OtlpSettings } from './otlp-settings.ts';

/** OTLP over gRPC. */
export class OtlpGrpc implements OtlpTransport {
  readonly #settings: OtlpSettings;
  readonly #userAgent: string;
  #client: Client | undefined;

  constructor(settings: OtlpSettings, userAgent: string) {
    this.#settings = settings;
    this.#userAgent = userAgent;
  }

  async send(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(this.#settings.headers())) metadata.set(name, value);
    this.#client ??= openClient(this.#settings, this.#userAgent);
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const call = this.#client.makeUnaryRequest(exportPath, asBuffer, asBuffer, request, metadata, (error, response) => {
      if (error === null) resolve(response!);
      else reject(this.#failureOf(error, signal));
    });
    const cancel = (): void => call.cancel();
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
    return promise;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /**
   * The next attempt does not wait for the channel's own pause, reads certificates again, and does not use a connection
   * whose other end may have vanished.
   */
  #failureOf(error: ServiceError, signal: AbortSignal): OtlpFailure {
    if (error.code === status.UNAVAILABLE || signal.aborted) this.close();
    return signal.aborted ? new OtlpFailure('no answer in time', 'try_again') : failureOf(error);
  }
}

function openClient(settings: OtlpSettings, userAgent: string): Client {
  const { url, compression, tls } = settings;
  const port = url.port || (url.protocol === 'https:' ? 443 : 80);
  return new Client(`${url.hostname}:${port}`, channelCredentials(settings), {
    'grpc.primary_user_agent': userAgent,
    'grpc.default_compression_algorithm':
      compression === 'gzip' ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
    ...(tls?.serverName !== undefined && { 'grpc.ssl_target_name_override': tls.serverName }),
  });
}

function channelCredentials({ url, tls }: OtlpSettings): ChannelCredentials {
  if (url.protocol === 'http:') return credentials.createInsecure();
  const { rejectUnauthorized, servername: _, ...rest } = tlsOptions(tls);
  return credentials.createFromSecureContext(createSecureContext(rest), {
    rejectUnauthorized: rejectUnauthorized ?? true,
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A receiver without resources says when it has them again; one that does not say refuses this request as too large. */
function failureOf(error: ServiceError): OtlpFailure {
  const message = `${status[error.code]}: ${error.details.replace(/ Resolution note: $/, '')}`;
  if (retryable.has(error.code)) return new OtlpFailure(message, 'try_again', retryDelayMs(error.metadata));
  if (error.code !== status.RESOURCE_EXHAUSTED) return new OtlpFailure(message, 'refused');
  const delayMs = retryDelayMs(error.metadata);
  return new OtlpFailure(message, delayMs === undefined ? 'too_large' : 'try_again', delayMs);
}

const retryable: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** `google.rpc.Status { details = 3: Any { type_url = 1, value = 2: RetryInfo { retry_delay = 1 } } }` */
function retryDelayMs(metadata: Metadata): number | undefined {
  const [encoded] = metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(encoded)) return undefined;
  for (const detail of fields(encoded, 3)) {
    const [type] = fields(detail, 1);
    if (type === undefined || !Buffer.from(type).toString().endsWith('/google.rpc.RetryInfo')) continue;
    for (const info of fields(detail, 2)) for (const delay of fields(info, 1)) return durationMs(delay);
  }
  return undefined;
}

/** Contents of the fields of a message that have this number, which must be of the kind with a length. */
function* fields(message: Uint8Array, number: number): Generator<Uint8Array> {
  const reader = Reader.create(message);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((number << 3) | 2)) yield reader.bytes();
    else reader.skipType(tag & 7);
  }
}

/** `Duration { seconds = 1, nanos = 2 }` */
function durationMs(duration: Uint8Array): number {
  const reader = Reader.create(duration);
  let ms = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 8) ms += Number(reader.int64()) * 1000;
    else if (tag === 16) ms += reader.int32() / 1e6;
    else reader.skipType(tag & 7);
  }
  return ms;
}

const exportPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
