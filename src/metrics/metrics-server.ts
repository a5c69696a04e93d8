import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';

/** Serves metrics for Prometheus at `/metrics`. */
export class MetricsServer {
  /** `127.0.0.1:2112`: with the port that was chosen when 0 was asked for. */
  readonly address: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const { address, family, port } = server.address() as AddressInfo;
    this.address = `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Answers with what `exporter` reads. Rejects with the system's error when the address is taken or not ours. */
  static async start(address: ListenAddress, exporter: PrometheusExporter): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      const path = request.url?.split('?')[0];
      if (path !== '/metrics') response.writeHead(404).end('Metrics are at /metrics\n');
      else if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end();
      else exporter.getMetricsRequestHandler(request, response);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen({ ...address, backlog: maxWaiting }, resolve);
    server.maxConnections = maxConnections;
    await promise;
    /* Who asks for metrics does not keep the agent alive. */
    server.unref();
    return new MetricsServer(server);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

export interface ListenAddress {
  /** All addresses when it is missing. */
  readonly host?: string;
  readonly port: number;
}

const maxConnections = 20;
const maxWaiting = 20;
