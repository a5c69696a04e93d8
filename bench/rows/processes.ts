import type { Bench } from '../harness/bench.ts';
import { programCosts } from '../harness/bpf-state.ts';
import { costOf } from '../harness/workload.ts';
import type { Measurement, Row } from '../row.ts';

const sensor = /^process_(exec|fork|exit)/;

/** What every process of the machine pays: fork, exec and exit are always watched. */
export const processRows: readonly Row[] = [
  {
    id: 'processes.exec',
    family: 'processes (added to one fork+exec+exit)',
    title: 'kernel part: fork, exec and exit sensors',
    unit: 'instructions',
    machine: 'counting',
    target: 10_000,
    tetragon: { value: 22_000 },
    measure: measureSensors,
  },
];

async function measureSensors(bench: Bench): Promise<Measurement> {
  const added = await bench.addedBy({}, 'fork+exec+exit');
  const { agent } = await bench.agentWith({});
  const costs = await agent.whileStopped(() => programCosts(() => costOf('fork+exec+exit')));
  const sensors = [...costs].filter(([name]) => sensor.test(name));
  return {
    ...added,
    details: Object.fromEntries(sensors.map(([name, { nsPerRun }]) => [name, Math.round(nsPerRun)])),
  };
}
