/**
 * What a request that failed means for its records: `try_again` later, all of them; `too_large` as one request; `refused`,
 * now and always. The protocol says which answer is which.
 */
export type OtlpFailureKind = 'try_again' | 'too_large' | 'refused';

export class OtlpFailure extends Error {
  override readonly name = 'OtlpFailure';
  readonly kind: OtlpFailureKind;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, kind: OtlpFailureKind, retryAfterMs?: number) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Sends encoded requests for the export of logs. */
export interface OtlpTransport {
  /** Resolves to the encoded response; rejects with an OtlpFailure. */
  send(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}
