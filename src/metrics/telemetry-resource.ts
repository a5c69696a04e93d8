import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';

/** Who sends metrics and traces: this agent on this node; `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` win. */
export function telemetryResource(version: string, nodeName: string): Resource {
  const own = { 'service.name': 'jatai', 'service.version': version, 'host.name': nodeName };
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }));
}
