import type { Logger } from 'pino';
import { type OptionValues, optional } from '../../config/option.ts';
import type { TraceExport } from '../../tracing/trace-export.ts';
import { readVersion } from '../version.ts';
import { asksForOtlp, otlpUrlType } from './otlp-endpoint.ts';

/** Settings of `jatai run` about traces. */
export const traceOptions = {
  'traces-otlp-endpoint': optional(
    otlpUrlType('/v1/traces'),
    'send traces of policy changes and API calls there by OTLP (HTTP, protobuf); else where the environment says',
  ),
} as const;

/** Records spans when that is asked for: OpenTelemetry is loaded only then. */
export async function startTraces(
  values: OptionValues<typeof traceOptions>,
  nodeName: string,
  log: Logger,
): Promise<TraceExport | undefined> {
  const url = values['traces-otlp-endpoint'];
  if (url === undefined && !asksForOtlp('TRACES', process.env)) return undefined;
  const { TraceExport } = await import('../../tracing/trace-export.ts');
  return TraceExport.start({ url, version: readVersion(), nodeName, report: (message) => log.warn(message) });
}
