import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';

/**
 * A receiver of OTLP over HTTP for tests. It decodes what comes by the definition below, written from the specification
 * (opentelemetry-proto 1.x: `metrics.proto`, `trace.proto`, `common.proto`), not by the code that encoded it.
 */
export class OtlpReceiver {
  readonly url: string;
  readonly metrics: ReceivedMetric[] = [];
  readonly spans: ReceivedSpan[] = [];
  /** Attributes of the last resource. */
  resource: Readonly<Record<string, unknown>> = {};
  /** Answers of the next requests; 200 when there are none. */
  readonly statuses: number[] = [];
  requests = 0;
  readonly #close: () => Promise<void>;

  private constructor(server: ReturnType<typeof createServer>) {
    server.on('request', (request, response) => void this.#answer(request, response));
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#close = async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    };
  }

  /** At a free port, or at one that another receiver had. */
  static async start(port = 0): Promise<OtlpReceiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new OtlpReceiver(server);
  }

  /** The last value of a series. */
  value(name: string, attributes: Readonly<Record<string, unknown>> = {}): number | undefined {
    const wanted = Object.entries(attributes);
    return this.metrics.findLast(
      (metric) => metric.name === name && wanted.every(([key, value]) => metric.attributes[key] === value),
    )?.value;
  }

  async close(): Promise<void> {
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    this.requests++;
    const status = this.statuses.shift() ?? 200;
    const body =
      request.headers['content-encoding'] === 'gzip' ? gunzipSync(Buffer.concat(pieces)) : Buffer.concat(pieces);
    if (status === 200) this.#take(request.url ?? '', body);
    response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
  }

  #take(path: string, body: Buffer): void {
    if (path === '/v1/metrics') this.#takeMetrics(decode('ExportMetricsServiceRequest', body));
    else if (path === '/v1/traces') this.#takeSpans(decode('ExportTraceServiceRequest', body));
    else throw new Error(`nothing is sent to ${path}`);
  }

  // biome-ignore lint/suspicious/noExplicitAny: a decoded message
  #takeMetrics(request: any): void {
    for (const { resource, scopeMetrics } of request.resourceMetrics) {
      this.resource = attributesOf(resource.attributes);
      for (const { metrics } of scopeMetrics) for (const metric of metrics) this.metrics.push(...pointsOf(metric));
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: a decoded message
  #takeSpans(request: any): void {
    for (const { resource, scopeSpans } of request.resourceSpans) {
      this.resource = attributesOf(resource.attributes);
      for (const { spans } of scopeSpans) for (const span of spans) this.spans.push(spanOf(span));
    }
  }
}

export interface ReceivedMetric {
  readonly name: string;
  readonly kind: 'gauge' | 'sum' | 'histogram';
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of a histogram the number of values. */
  readonly value: number;
}

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of its trace. */
  readonly parentSpanId: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Undefined when nothing went wrong. */
  readonly error: string | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a decoded message
function pointsOf(metric: any): ReceivedMetric[] {
  const kind = (['gauge', 'sum', 'histogram'] as const).find((name) => metric[name] != null)!;
  // biome-ignore lint/suspicious/noExplicitAny: a decoded message
  return metric[kind].dataPoints.map((point: any) => ({
    name: metric.name,
    kind,
    attributes: attributesOf(point.attributes),
    value: Number(kind === 'histogram' ? point.count : (point.asInt ?? point.asDouble)),
  }));
}

// biome-ignore lint/suspicious/noExplicitAny: a decoded message
function spanOf(span: any): ReceivedSpan {
  return {
    name: span.name,
    traceId: Buffer.from(span.traceId).toString('hex'),
    spanId: Buffer.from(span.spanId).toString('hex'),
    parentSpanId: Buffer.from(span.parentSpanId ?? []).toString('hex'),
    kind: span.kind,
    attributes: attributesOf(span.attributes),
    error: span.status?.code === 2 ? span.status.message : undefined,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a decoded message
function attributesOf(attributes: any[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const kind = Object.keys(value)[0]!;
      return [key, kind === 'intValue' ? Number(value[kind]) : value[kind]];
    }),
  );
}

// biome-ignore lint/suspicious/noExplicitAny: a decoded message
function decode(name: string, body: Buffer): any {
  const type = root.lookupType(name);
  return type.toObject(type.decode(body), { longs: String, arrays: true });
}

const { root } = protobuf.parse(`
syntax = "proto3";
message AnyValue {
  oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5; }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; }

message ExportMetricsServiceRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
message ScopeMetrics { repeated Metric metrics = 2; }
message Metric {
  string name = 1; string description = 2; string unit = 3;
  oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; }
}
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum { repeated NumberDataPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
message Histogram { repeated HistogramDataPoint data_points = 1; int32 aggregation_temporality = 2; }
message NumberDataPoint {
  repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
}
message HistogramDataPoint {
  repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  optional double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
}

message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15;
}
message Status { string message = 2; int32 code = 3; }
`);
