import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repositoryRoot } from '../vm/repository-root.ts';
import { checkMetrics, PrometheusServer, prometheusMissing } from './prometheus-server.ts';
import { missing as agentMissing, startLoad, TelemetryAgent, until } from './telemetry-agent.ts';

/* A real agent, scraped by a real Prometheus. */
const missing = agentMissing || prometheusMissing;
if (missing !== '') console.log(`test/telemetry/prometheus: skipped, ${missing}`);
/** Seconds that Prometheus is away. */
const outage = Number(process.env['OUTAGE_SECONDS'] ?? 5);

describe.skipIf(missing !== '')('a Prometheus server', () => {
  let agent: TelemetryAgent;
  let prometheus: PrometheusServer;
  let load: ReturnType<typeof startLoad>;

  beforeAll(async () => {
    const metrics = ['--metrics-server', '127.0.0.1:0', '--enable-msg-handling-latency'];
    agent = await TelemetryAgent.start([...metrics, '--enable-export-aggregation', '--cgroup-rate', '100000,1s']);
    load = startLoad();
    prometheus = await PrometheusServer.start(await agent.metricsAddress());
  }, 300_000);

  afterAll(async () => {
    load?.kill();
    await prometheus?.[Symbol.asyncDispose]();
    await agent?.[Symbol.asyncDispose]();
  }, 60_000);

  test('scrapes the agent, and its own checker accepts the page', async () => {
    await until('the target is up', async () => (await prometheus.query('up{job="jatai"}'))[0] === 1);
    expect(checkMetrics(await agent.page())).toBe('');
  }, 120_000);

  test('has every metric that is documented', async () => {
    await until('calls are counted', async () => ((await prometheus.query('tetragon_syscalls_total'))[0] ?? 0) > 0);
    const wanted = documentedMetrics();
    expect(wanted.length).toBeGreaterThan(60);
    await until(
      'a metric of each name is there',
      async () => missingNames(wanted, await prometheus.names()).length === 0,
    ).catch(() => {});
    expect(missingNames(wanted, await prometheus.names())).toEqual([]);
  }, 120_000);

  test('the page has no metric that is not documented', async () => {
    const names = [...(await agent.page()).matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    expect(names.filter((name) => !documentedMetrics().includes(name!))).toEqual([]);
  });

  test('that is away under load misses samples and no counts, and events go on', async () => {
    const written = 'jatai_output_events_total + on() jatai_output_joined_events_total';
    const count = async (): Promise<number> => (await prometheus.query(written))[0] ?? 0;
    await until('it has scraped', async () => (await count()) > 0);
    const before = await count();
    await prometheus.stop();
    await sleep(outage * 1000);
    await prometheus.start();
    await until('it scrapes again', async () => (await count()) > before);
    expect(await prometheus.query('resets(jatai_events_total[10m])')).toEqual([0]);
    load.kill();
    await new Promise((resolve) => load.once('exit', resolve));
    /* Other processes go on, so that now and then an event is on its way. */
    let page = '';
    const value = (name: string): number => sumOf(page, name);
    const accounted = ['events_total', 'joined_events_total', 'dropped_events_total'].map(
      (name) => `jatai_output_${name}`,
    );
    await until('every event is accounted for', async () => {
      page = await agent.page();
      const ofOutput = [...accounted, 'jatai_output_joining_events'].reduce((sum, name) => sum + value(name), 0);
      return ofOutput === value('jatai_events_total');
    });
    expect(value('jatai_output_dropped_events_total')).toBe(0);
    await agent.process.stop();
    const lines = readFileSync(agent.events, 'utf8').split('\n').slice(0, -1);
    const events = lines.reduce(
      (sum, line) => sum + Number(/"aggregation_info":\{"count":"(\d+)"/.exec(line)?.[1] ?? 1),
      0,
    );
    expect(events).toBeGreaterThanOrEqual(value('jatai_events_total'));
    expect(events).toBeGreaterThan(outage * 100);
  }, 240_000);
});

/** Names in the tables of docs/metrics.md, whose heads say how they begin. */
function documentedMetrics(): string[] {
  const text = readFileSync(join(repositoryRoot, 'docs/metrics.md'), 'utf8');
  const names: string[] = [];
  let prefix: string | undefined;
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) prefix = undefined;
    const [, head] = /^\| Metric \(`(\w+_)\.\.\.`\) \|/.exec(line) ?? [];
    if (head !== undefined) prefix = head;
    const row = /^\| (`[^|]*`) \|/.exec(line);
    if (prefix === undefined || row === null) continue;
    for (const [, name] of row[1]!.matchAll(/`(\w+)`/g)) names.push(`${prefix}${name}`);
  }
  return names;
}

/** A histogram is there under three names. */
function missingNames(wanted: readonly string[], found: readonly string[]): string[] {
  return wanted.filter((name) => !found.includes(name) && !found.includes(`${name}_bucket`));
}

function sumOf(page: string, name: string): number {
  const pattern = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm');
  return [...page.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}
