import { loadApi, servedFiles } from './api-root.ts';
import { eventLogRoutes } from './event-log-service.ts';
import { healthRoutes } from './health-service.ts';
import { reflectionRoutes } from './reflection-service.ts';
import { sensorsRoutes } from './sensors-service.ts';
import type { ServedAgent } from './served-agent.ts';
import { GrpcServer } from './server.ts';
import type { ServerAddress } from './server-address.ts';
import type { TlsFiles } from './tls-files.ts';

export interface AgentServerOptions {
  readonly addresses: readonly ServerAddress[];
  /** Where only the health service is served, to everybody and without TLS. */
  readonly healthAddress?: ServerAddress | undefined;
  readonly tls?: TlsFiles | undefined;
}

/** The server of an agent, listening. */
export interface AgentServer {
  /** As clients find them. */
  readonly addresses: readonly ServerAddress[];
  close(): Promise<void>;
}

/** Serves Tetragon's API, health and reflection on every address. Rejects when one of them cannot be used. */
export async function serveAgent(agent: ServedAgent, options: AgentServerOptions): Promise<AgentServer> {
  const root = loadApi(servedFiles);
  const service = (name: string) => root.lookupService(name);
  const reflections = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];
  const served = ['tetragon.FineGuidanceSensors', 'tetragon.EventLogService', 'grpc.health.v1.Health', ...reflections];
  const health = healthRoutes(service('grpc.health.v1.Health'), served);
  const routes = new Map([
    ...health,
    ...sensorsRoutes(service('tetragon.FineGuidanceSensors'), agent),
    ...eventLogRoutes(service('tetragon.EventLogService'), agent),
    ...reflectionRoutes(root, reflections.map(service), served),
  ]);
  const server = new GrpcServer({ routes, tls: options.tls });
  const healthServer = new GrpcServer({ routes: health });
  const close = async () => {
    await server.close();
    await healthServer.close();
  };
  try {
    const addresses: ServerAddress[] = [];
    for (const address of options.addresses) addresses.push(await server.listen(address));
    if (options.healthAddress !== undefined) await healthServer.listen(options.healthAddress);
    return { addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
}
