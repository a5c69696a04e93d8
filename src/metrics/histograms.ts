import type { NamedHistogram } from './histogram-producer.ts';
import type { MetricSources } from './sources.ts';

/** All histograms, as far as their values are measured. */
export function histogramsOf({ records }: MetricSources): NamedHistogram[] {
  if (records === undefined) return [];
  const { handlingTimes, dataSizes, latency } = records;
  return [
    ...(handlingTimes === undefined
      ? []
      : [
          {
            name: 'tetragon_handling_latency',
            help: 'Microseconds that handling a record takes, by opcode',
            unit: '',
            histogram: handlingTimes,
          },
        ]),
    {
      name: 'tetragon_data_event_size',
      help: 'Bytes of records with more arguments of a program',
      unit: '',
      histogram: dataSizes,
    },
    {
      name: 'jatai_record_latency_seconds',
      help: 'Time from the kernel to the agent, of one record in 64',
      unit: '',
      histogram: latency,
    },
  ];
}
