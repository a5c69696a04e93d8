import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultRunDirectory, type HooksFile, hooksFileName, NoAgent, readHooksFile } from '../../agent/hooks-file.ts';
import { measuringTimeNs } from '../../agent/machine-speed.ts';
import { countType, durationType, type OptionType } from '../../config/option-types.ts';
import { type Activity, activityOf, type StatsById } from '../../cost/activity.ts';
import { openProgram, type ProgramStats, programStats, RunStatistics } from '../../kernel/program-stats.ts';
import { InputError, UsageError } from '../errors.ts';
import { asksForJson } from '../output-format.ts';
import { printActivity } from './print-activity.ts';

export const topUsage = `Usage: jatai top [options]

Shows what the programs of the running agent cost now: calls, time and share of a CPU of each hook, of the process
sensors and, as an estimate, of each policy. The kernel measures programs only while this runs; needs root.

  --interval TIME       between two readings (default 1s)
  --count N             end after so many readings
  --run-dir DIR         of the agent (default ${defaultRunDirectory})
  -o, --output FORMAT   text (default) or json: one line for each reading

Time is what the kernel counts inside a program, without the way into it and without reading the clock; shares are of
one CPU. A hook's time is divided
among its policies by how much of its program each accounts for.

Examples:
  jatai top
  jatai top --interval 10s --count 1 -o json
`;

interface TopSettings {
  readonly intervalMs: number;
  readonly count: number;
  readonly path: string;
  readonly json: boolean;
}

/** `jatai top`: returns the exit status. */
export async function topCommand(args: string[]): Promise<number> {
  const settings = parseSettings(args);
  if (process.getuid?.() !== 0) throw new InputError('The kernel tells the cost of programs to root only', 'Use sudo.');
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort()).once('SIGTERM', () => interrupted.abort());
  try {
    await watch(settings, interrupted.signal);
  } catch (error) {
    if (error instanceof NoAgent) throw new InputError(error.message, error.hint);
    throw error;
  }
  return 0;
}

async function watch({ intervalMs, count, path, json }: TopSettings, interrupted: AbortSignal): Promise<void> {
  let hooks = readHooksFile(path);
  using _statistics = new RunStatistics();
  const measuringNs = measuringTimeNs();
  let before = readStats(hooks);
  let since = performance.now();
  for (let reading = 0; reading < count; reading++) {
    await pause(intervalMs, interrupted);
    if (interrupted.aborted) return;
    hooks = readHooksFile(path);
    const after = readStats(hooks);
    const now = performance.now();
    show(activityOf(hooks, { before, after, seconds: (now - since) / 1000, measuringNs }), hooks, json);
    before = after;
    since = now;
  }
}

function show(activity: Activity, hooks: HooksFile, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), pid: hooks.pid, ...activity })}\n`);
    return;
  }
  /* From the top left corner; what is left of an earlier, longer table is cleared. */
  const redraw = process.stdout.isTTY ? '\u001b[H\u001b[J' : '';
  process.stdout.write(redraw + printActivity(activity, hooks, process.stdout.isTTY ? process.stdout.columns : 200));
}

/** Programs of a generation that has gone in between are left out. */
function readStats({ hooks, sensors }: HooksFile): StatsById {
  const programs = [...hooks, ...hooks.flatMap(({ returns }) => returns ?? []), ...sensors];
  const stats = programs.flatMap(({ programId }): [number, ProgramStats][] => {
    const fd = openProgram(programId);
    if (fd === undefined) return [];
    try {
      return [[programId, programStats(fd)]];
    } finally {
      closeSync(fd);
    }
  });
  return new Map(stats);
}

async function pause(ms: number, interrupted: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  interrupted.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

function parseSettings(args: string[]): TopSettings {
  const { values } = parseArgs({
    args,
    options: {
      interval: { type: 'string', default: '1s' },
      count: { type: 'string' },
      'run-dir': { type: 'string', default: defaultRunDirectory },
      output: { type: 'string', short: 'o', default: 'text' },
    },
  });
  const json = asksForJson(values.output);
  const intervalMs = parseOption('interval', durationType, values.interval);
  if (intervalMs < 100) throw new UsageError(`--interval "${values.interval}" is shorter than 100ms`);
  return {
    intervalMs,
    count: values.count === undefined ? Infinity : parseOption('count', countType('N', { min: 1 }), values.count),
    path: join(values['run-dir'], hooksFileName),
    json,
  };
}

function parseOption<Value>(name: string, type: OptionType<Value>, text: string): Value {
  try {
    return type.parse(text);
  } catch (error) {
    throw new UsageError(`--${name} "${text}" is not ${(error as Error).message}`);
  }
}
