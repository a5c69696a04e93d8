import {
  type Context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { telemetryResource } from '../metrics/telemetry-resource.ts';
import { type OpenSpan, recordSpans, type SpanAttributes, type SpanOptions, type SpanRecorder } from './spans.ts';

export interface TraceExportOptions {
  /** Undefined: where the environment says, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string | undefined;
  readonly version: string;
  readonly nodeName: string;
  /** Told when spans cannot be sent. */
  readonly report: (message: string) => void;
}

/** Records spans and sends them by OTLP over HTTP, as protobuf, every second; what waits is bounded. */
export class TraceExport {
  readonly #provider: TracerProvider;

  private constructor(provider: TracerProvider) {
    this.#provider = provider;
  }

  static start({ url, version, nodeName, report }: TraceExportOptions): TraceExport {
    const exporter = new OTLPTraceExporter({ ...(url === undefined ? {} : { url }), timeoutMillis: exportTimeoutMs });
    const processor = new BatchSpanProcessor({
      exporter: reporting(exporter, report),
      scheduledDelayMillis: sendIntervalMs,
    });
    const resource = telemetryResource(version, nodeName);
    const provider = new TracerProvider({ spanProcessors: [processor], resource });
    recordSpans(new OpenTelemetrySpans(provider.getTracer('jatai', version)));
    return new TraceExport(provider);
  }

  /** Sends what waits, as long as that takes, but at most some seconds. */
  async close(): Promise<void> {
    recordSpans(undefined);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, closeTimeoutMs);
    await Promise.race([this.#provider.shutdown().catch(() => {}), late]);
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

class OpenTelemetrySpans implements SpanRecorder {
  readonly #tracer: Tracer;
  /** Changes of policies do not wait for anything, so the present span is a variable. */
  #present: Context = ROOT_CONTEXT;

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  open(name: string, { attributes = {}, call }: SpanOptions): OpenSpan {
    const parent = call === undefined ? this.#present : remoteContext(call.traceparent);
    const kind = call === undefined ? SpanKind.INTERNAL : SpanKind.SERVER;
    const span = this.#tracer.startSpan(name, { kind, attributes }, parent);
    const context = trace.setSpan(parent, span);
    return {
      run: (work) => {
        const before = this.#present;
        this.#present = context;
        try {
          return work();
        } finally {
          this.#present = before;
        }
      },
      end: (more, error) => endSpan(span, more, error),
    };
  }
}

function endSpan(span: Span, attributes: SpanAttributes | undefined, error: string | undefined): void {
  if (!span.isRecording()) return;
  if (attributes !== undefined) span.setAttributes(attributes);
  if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
  span.end();
}

/** `00-<trace id>-<span id>-<flags>`; anything else begins a trace of its own. */
function remoteContext(traceparent: string | undefined): Context {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/.exec(traceparent ?? '');
  if (match === null) return ROOT_CONTEXT;
  const [, traceId, spanId, flags] = match;
  const context = { traceId: traceId!, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
  return isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT;
}

/** Says once that spans cannot be sent, and once that they can again. */
function reporting(exporter: SpanExporter, report: (message: string) => void): SpanExporter {
  let failing = false;
  const send = exporter.export.bind(exporter);
  exporter.export = (spans, done) =>
    send(spans, (result) => {
      const failed = result.code !== 0;
      const reason = result.error?.message ?? 'refused';
      if (failed && !failing) report(`traces cannot be sent by OTLP (${reason}); their spans are lost`);
      if (!failed && failing) report('traces are sent by OTLP again');
      failing = failed;
      done(result);
    });
  return exporter;
}

const sendIntervalMs = 1000;
const exportTimeoutMs = 10_000;
const closeTimeoutMs = 2000;
