/**
 * Spans of what takes time: changes of policies and calls of the API. This file knows nothing of OpenTelemetry; as long
 * as nobody has asked for traces there is no recorder, and a span is one comparison.
 */

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  readonly attributes?: SpanAttributes;
  /** A call of somebody else, who may have said what it belongs to: the header `traceparent` of W3C Trace Context. */
  readonly call?: { readonly traceparent: string | undefined };
}

/** A span that goes on until `end`. */
export interface OpenSpan {
  /** Spans that begin during `work` belong to this one, as far as they begin before it first waits. */
  run<Result>(work: () => Result): Result;
  /** `error`: what went wrong. Safe to call twice: the first counts. */
  end(attributes?: SpanAttributes, error?: string): void;
}

export interface SpanRecorder {
  open(name: string, options: SpanOptions): OpenSpan;
}

let recorder: SpanRecorder | undefined;

/** Records spans from now on; undefined for no more. */
export function recordSpans(by: SpanRecorder | undefined): void {
  recorder = by;
}

/** Undefined when nobody wants spans. */
export function openSpan(name: string, options: SpanOptions = {}): OpenSpan | undefined {
  return recorder?.open(name, options);
}

/** Does `work` in a span, which ends with it; an error that it throws is the span's too. */
export function inSpan<Result>(name: string, work: () => Result, attributes?: SpanAttributes): Result {
  if (recorder === undefined) return work();
  const span = recorder.open(name, attributes === undefined ? {} : { attributes });
  try {
    const result = span.run(work);
    span.end();
    return result;
  } catch (error) {
    span.end({}, (error as Error).message);
    throw error;
  }
}
