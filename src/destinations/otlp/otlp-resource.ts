import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Attributes } from '@opentelemetry/api';
import { pairsOf } from './otlp-settings.ts';

/**
 * What the records of this agent come from, by OpenTelemetry's semantic conventions. `given`: of the output's settings;
 * they win over those of `OTEL_RESOURCE_ATTRIBUTES`, and these over what is found here.
 */
export function resourceAttributes(
  version: string,
  nodeName: string,
  given: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
): Attributes {
  const id = machineId();
  return {
    'service.name': 'jatai',
    'service.version': version,
    'host.name': hostname(),
    ...(id !== undefined && { 'host.id': id }),
    'host.arch': architectures[process.arch] ?? process.arch,
    'os.type': 'linux',
    ...(environment['NODE_NAME'] && { 'k8s.node.name': nodeName }),
    ...pairsOf(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '', 'OTEL_RESOURCE_ATTRIBUTES'),
    ...(environment['OTEL_SERVICE_NAME'] && { 'service.name': environment['OTEL_SERVICE_NAME'] }),
    ...given,
  };
}

/** As the conventions spell them. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64' };

function machineId(): string | undefined {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
