import { type IExportLogsServiceResponse, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  type Delivery,
  type Destination,
  type DestinationContext,
  DestinationError,
  type Message,
} from '../destination.ts';
import type { OtlpConfig } from './otlp.ts';
import { OtlpFailure, type OtlpTransport } from './otlp-failure.ts';
import { type OtlpOrigin, otlpRecord } from './otlp-record.ts';
import { resourceAttributes } from './otlp-resource.ts';
import { type OtlpSettings, otlpSettings } from './otlp-settings.ts';

/**
 * Exports log records. OpenTelemetry's own exporters are not used, because they try again by themselves without saying
 * so, keep the receiver's wish for a pause to themselves, and only log how many records it rejected; their encoder is.
 */
export class OtlpDestination implements Destination {
  readonly name: string;
  readonly #settings: OtlpSettings;
  readonly #origin: OtlpOrigin;
  readonly #userAgent: string;
  readonly #report: (message: string) => void;
  #transport: Promise<OtlpTransport> | undefined;
  #lastWarning = '';
  /** Records of one request: half as many after one that was not answered in time, until all goes well again. */
  #perRequest = Number.POSITIVE_INFINITY;

  /** Throws an Error that names the environment variable that cannot be used. */
  constructor(config: OtlpConfig, { nodeName, version, report }: DestinationContext) {
    this.#settings = otlpSettings(config, process.env);
    this.name = `otlp ${this.#settings.url.href}`;
    this.#userAgent = `jatai/${version}`;
    this.#report = report;
    this.#origin = {
      resource: resourceFromAttributes(resourceAttributes(version, nodeName, config.resource, process.env)),
      instrumentationScope: { name: 'jatai', version },
      bodyAsText: config.body === 'json',
    };
  }

  async deliver(batch: readonly Message[], signal: AbortSignal): Promise<Delivery> {
    const { timeoutMs } = this.#settings;
    const limited = timeoutMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const taken = { messages: 0, rejected: 0, reason: '' };
    try {
      for (const part of partsOf(batch, this.#perRequest)) await this.#export(part, limited, taken);
    } catch (error) {
      if (limited.aborted) this.#perRequest = Math.max(1, Math.min(this.#perRequest, batch.length) >> 1);
      const { message, retryAfterMs } = error as OtlpFailure;
      const { messages: delivered, rejected } = taken;
      throw new DestinationError(message, { retryable: true, retryAfterMs, delivered, rejected, cause: error });
    }
    this.#perRequest *= 2;
    return { rejected: taken.rejected, ...(taken.rejected > 0 && { reason: taken.reason }) };
  }

  async close(): Promise<void> {
    (await this.#transport)?.close();
  }

  /** Adds to `taken` what the receiver has answered for; rejects with the failure of what can be tried again. */
  async #export(batch: readonly Message[], signal: AbortSignal, taken: Taken): Promise<void> {
    try {
      const { rejected, reason } = await this.#send(batch, signal);
      account(taken, batch.length, rejected, reason);
    } catch (error) {
      if (!(error instanceof OtlpFailure) || error.kind === 'try_again') throw error;
      if (error.kind === 'refused' || batch.length === 1) {
        account(taken, batch.length, batch.length, error.message);
        return;
      }
      const middle = batch.length >> 1;
      await this.#export(batch.slice(0, middle), signal, taken);
      await this.#export(batch.slice(middle), signal, taken);
    }
  }

  async #send(batch: readonly Message[], signal: AbortSignal): Promise<{ rejected: number; reason: string }> {
    this.#transport ??= openTransport(this.#settings, this.#userAgent);
    const observedMs = Date.now();
    const records = batch.map((message) => otlpRecord(message, observedMs, this.#origin));
    const request = ProtobufLogsSerializer.serializeRequest(records)!;
    const answer = await (await this.#transport).send(request, signal);
    const { rejectedLogRecords = 0, errorMessage: reason = '' } = partialSuccess(answer);
    const rejected = Math.min(Number(rejectedLogRecords), batch.length);
    if (rejected === 0) this.#warn(reason);
    return { rejected, reason };
  }

  /** A receiver that took everything may have something to say all the same. */
  #warn(text: string): void {
    if (text !== '' && text !== this.#lastWarning) this.#report(`the receiver says ${JSON.stringify(text)}`);
    this.#lastWarning = text;
  }
}

function* partsOf(batch: readonly Message[], size: number): Generator<readonly Message[]> {
  for (let start = 0; start < batch.length; start += size) yield batch.slice(start, start + size);
}

interface Taken {
  messages: number;
  rejected: number;
  reason: string;
}

function account(taken: Taken, messages: number, rejected: number, reason: string): void {
  taken.messages += messages;
  taken.rejected += rejected;
  if (rejected > 0) taken.reason = reason;
}

/** An answer that cannot be read is one of success all the same. */
function partialSuccess(answer: Uint8Array): NonNullable<IExportLogsServiceResponse['partialSuccess']> {
  try {
    return ProtobufLogsSerializer.deserializeResponse(answer).partialSuccess ?? {};
  } catch {
    return {};
  }
}

/** The packages of the other protocol are not loaded. */
async function openTransport(settings: OtlpSettings, userAgent: string): Promise<OtlpTransport> {
  if (settings.protocol === 'grpc') {
    const { OtlpGrpc } = await import('./otlp-grpc.ts');
    return new OtlpGrpc(settings, userAgent);
  }
  const { OtlpHttp } = await import('./otlp-http.ts');
  return new OtlpHttp(settings, userAgent);
}
