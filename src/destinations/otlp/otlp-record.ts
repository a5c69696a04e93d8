import { type AnyValue, type HrTime, SeverityNumber } from '@opentelemetry/api';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { Message, Severity } from '../destination.ts';
import { eventAttributes } from './otlp-attributes.ts';

/** What all records of an output have in common. */
export interface OtlpOrigin {
  readonly resource: ReadableLogRecord['resource'];
  readonly instrumentationScope: ReadableLogRecord['instrumentationScope'];
  /** Whether the body is the text of the event and not a map. */
  readonly bodyAsText: boolean;
}

/** The log record of an event, which is observed at `observedMs`, milliseconds since 1970. */
export function otlpRecord(message: Message, observedMs: number, origin: OtlpOrigin): ReadableLogRecord {
  const text = message.body.toString();
  const event = JSON.parse(text) as Record<string, AnyValue>;
  const severity = severities[message.severity];
  return {
    hrTime: [Number(message.timeNs / 1_000_000_000n), Number(message.timeNs % 1_000_000_000n)],
    hrTimeObserved: highResolution(observedMs),
    severityNumber: severity.number,
    severityText: severity.text,
    eventName: message.eventType,
    body: origin.bodyAsText ? text : event,
    attributes: eventAttributes(message, event),
    droppedAttributesCount: 0,
    resource: origin.resource,
    instrumentationScope: origin.instrumentationScope,
  };
}

function highResolution(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
}

const severities: Readonly<Record<Severity, { readonly number: SeverityNumber; readonly text: string }>> = {
  info: { number: SeverityNumber.INFO, text: 'INFO' },
  low: { number: SeverityNumber.INFO2, text: 'LOW' },
  warning: { number: SeverityNumber.WARN, text: 'WARN' },
  medium: { number: SeverityNumber.WARN, text: 'MEDIUM' },
  high: { number: SeverityNumber.ERROR, text: 'HIGH' },
  critical: { number: SeverityNumber.FATAL, text: 'CRITICAL' },
};
