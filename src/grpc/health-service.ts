import type protobuf from 'protobufjs';
import { decodeMessage, encodeMessage, methodPath, methodTypes, singleRequest, unaryRoute } from './method.ts';
import type { Routes } from './server.ts';
import type { CallHandler, ServerCall } from './server-call.ts';
import { StatusError } from './status.ts';

interface HealthCheckRequest {
  readonly service?: string;
}

/** What probes of Tetragon's Kubernetes set-up ask for: there is no server before the process sensors are loaded. */
const probeNames: readonly string[] = ['liveness', 'startup'];

/** The standard health service: everything that is served here is well as long as somebody answers. */
export function healthRoutes(service: protobuf.Service, services: readonly string[]): Routes {
  const known = new Set(['', ...probeNames, ...services]);
  const check = ({ service: name = '' }: HealthCheckRequest) => {
    if (!known.has(name)) throw new StatusError('NOT_FOUND', `There is no service ${name} here`);
    return { status: 'SERVING' };
  };
  const list = () => ({ statuses: Object.fromEntries([...known].map((name) => [name, { status: 'SERVING' }])) });
  return new Map([
    unaryRoute(service, 'Check', 'read', check),
    unaryRoute(service, 'List', 'read', list),
    [methodPath(service, 'Watch'), (call) => watch(service, call, known)],
  ]);
}

/** Says the state once and keeps the call open: it never changes while the server lives. */
function watch(service: protobuf.Service, call: ServerCall, known: ReadonlySet<string>): CallHandler {
  const { requestType, responseType } = methodTypes(service, 'Watch');
  return singleRequest((message) => {
    const { service: name = '' } = decodeMessage<HealthCheckRequest>(requestType, message);
    const status = known.has(name) ? 'SERVING' : 'SERVICE_UNKNOWN';
    call.send(encodeMessage(responseType, { status }));
  });
}
