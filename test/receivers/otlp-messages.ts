import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** A log record as a receiver sees it; values are plain, 64-bit numbers `bigint` where they need to be. */
export interface ReceivedRecord {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: { readonly name: string; readonly version: string };
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

const definitions = protobuf.parse(readFileSync(join(import.meta.dirname, 'otlp-logs.proto'), 'utf8')).root;
const requestType = definitions.lookupType('otlp.ExportLogsServiceRequest');
const responseType = definitions.lookupType('otlp.ExportLogsServiceResponse');

export function decodeRequest(bytes: Uint8Array): ReceivedRecord[] {
  const options = { longs: String, oneofs: true, arrays: true };
  const request = requestType.toObject(requestType.decode(bytes), options) as ExportRequest;
  return request.resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ scope, logRecords }) =>
      logRecords.map((record) => ({
        resource: plainMap(resource.attributes),
        scope: { name: scope.name, version: scope.version },
        timeUnixNano: BigInt(record.timeUnixNano),
        observedTimeUnixNano: BigInt(record.observedTimeUnixNano),
        severityNumber: record.severityNumber,
        severityText: record.severityText,
        eventName: record.eventName,
        body: plain(record.body),
        attributes: plainMap(record.attributes),
      })),
    ),
  );
}

export function encodeResponse(rejected: number, message: string): Buffer {
  const partialSuccess = { rejectedLogRecords: rejected, errorMessage: message };
  return Buffer.from(responseType.encode(rejected === 0 && message === '' ? {} : { partialSuccess }).finish());
}

interface ExportRequest {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly logRecords: readonly LogRecord[];
    }[];
  }[];
}

interface LogRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body: AnyValue;
  readonly attributes: readonly KeyValue[];
}

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

interface AnyValue {
  readonly value?:
    | 'stringValue'
    | 'boolValue'
    | 'intValue'
    | 'doubleValue'
    | 'arrayValue'
    | 'kvlistValue'
    | 'bytesValue';
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values: readonly KeyValue[] };
  readonly bytesValue?: Uint8Array;
}

function plainMap(pairs: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]));
}

function plain(any: AnyValue): unknown {
  switch (any.value) {
    case 'intValue':
      return Number.isSafeInteger(Number(any.intValue)) ? Number(any.intValue) : BigInt(any.intValue!);
    case 'arrayValue':
      return any.arrayValue!.values.map(plain);
    case 'kvlistValue':
      return plainMap(any.kvlistValue!.values);
    case undefined:
      return undefined;
    default:
      return any[any.value];
  }
}
