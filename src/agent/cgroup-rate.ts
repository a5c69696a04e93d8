import { durationType, type OptionType } from '../config/option-types.ts';

/** Most events of one cgroup on one CPU in an interval; those of a cgroup that makes more are held back. */
export interface CgroupRate {
  readonly events: number;
  readonly intervalMs: number;
}

/** With these the kernel's arithmetic stays below 2^64. */
const mostEvents = 1_000_000;
const longestIntervalMs = 3_600_000;

/** `EVENTS,INTERVAL` as in `--cgroup-rate=1000,1s`. */
export const cgroupRateType: OptionType<CgroupRate> = {
  placeholder: 'EVENTS,INTERVAL',
  parse: (text) => {
    const [, count = '', time = ''] = /^(\d+),(.+)$/.exec(text) ?? [];
    const rate = { events: Number(count), intervalMs: timeOf(time) };
    const valid = rate.events >= 1 && rate.events <= mostEvents && rate.intervalMs >= 1;
    if (!valid || rate.intervalMs > longestIntervalMs)
      throw new Error(`a rate such as 1000,1s, up to ${mostEvents} events in up to 1h`);
    return rate;
  },
  show: ({ events, intervalMs }) => `${events},${durationType.show(intervalMs)}`,
};

function timeOf(text: string): number {
  try {
    return durationType.parse(text);
  } catch {
    return 0;
  }
}
