import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../vm/repository-root.ts';
import { until } from './telemetry-agent.ts';

const folders = [join(repositoryRoot, 'build/servers/root/usr/bin'), '/usr/bin'];
const binaries = folders.find((folder) => existsSync(join(folder, 'prometheus')));

/** Why there is no Prometheus here; empty when there is. */
export const prometheusMissing = binaries === undefined ? 'there is no prometheus: scripts/setup-servers.sh' : '';

/** A Prometheus of a test, which scrapes one target every two seconds. Its data outlive `stop`. */
export class PrometheusServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'jatai-prometheus-'));
  readonly #address: string;
  #process: ChildProcess | undefined;

  private constructor(address: string, target: string) {
    this.#address = address;
    const scrape = { job_name: 'jatai', static_configs: [{ targets: [target] }] };
    const config = { global: { scrape_interval: '2s', scrape_timeout: '2s' }, scrape_configs: [scrape] };
    /* JSON is YAML. */
    writeFileSync(join(this.#folder, 'prometheus.yml'), JSON.stringify(config));
  }

  static async start(target: string): Promise<PrometheusServer> {
    const server = new PrometheusServer(`127.0.0.1:${await freePort()}`, target);
    await server.start();
    return server;
  }

  /** Starts it again after `stop`. */
  async start(): Promise<void> {
    const options = [
      `--config.file=${join(this.#folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(this.#folder, 'data')}`,
      `--web.listen-address=${this.#address}`,
    ];
    this.#process = spawn(join(binaries!, 'prometheus'), options, { stdio: 'ignore' });
    await until('Prometheus is ready', async () => {
      const answer = await fetch(`http://${this.#address}/-/ready`).catch(() => undefined);
      return answer?.ok === true;
    });
  }

  async stop(): Promise<void> {
    const server = this.#process;
    if (server === undefined) return;
    this.#process = undefined;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }

  /** The values of an expression now, one for each series. */
  async query(expression: string): Promise<number[]> {
    const { result } = await this.#ask(`query?query=${encodeURIComponent(expression)}`);
    return (result as { value: [time: number, value: string] }[]).map(({ value }) => Number(value[1]));
  }

  /** Names of all series it knows. */
  async names(): Promise<readonly string[]> {
    return (await this.#ask('label/__name__/values')) as unknown as readonly string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }

  async #ask(path: string): Promise<{ readonly result: unknown }> {
    const answer = await fetch(`http://${this.#address}/api/v1/${path}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: never; error?: string };
    if (status !== 'success') throw new Error(`Prometheus: ${error}`);
    return data;
  }
}

/** What `promtool check metrics` finds wrong with a page; empty when it accepts it. */
export function checkMetrics(page: string): string {
  const { status, stdout, stderr } = spawnSync(join(binaries!, 'promtool'), ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
  });
  return status === 0 ? '' : `status ${status}: ${stdout}${stderr}`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
