import { parseArgs } from 'node:util';
import type { LogLevel } from '../../grpc/messages.ts';
import { UsageError } from '../errors.ts';
import { connectionArguments, connectionUsage, withAgent } from './agent-connection.ts';

export const loglevelUsage = `Usage: jatai loglevel get [options]
       jatai loglevel set LEVEL [options]

Shows or changes how much a running agent logs: fatal, error, warn, info, debug or trace.
${connectionUsage}`;

/** `jatai loglevel`: returns the exit status. */
export async function loglevelCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: connectionArguments });
  const [action, level, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`Unexpected argument "${rest[0]}"`);
  if (action === 'get' && level === undefined) {
    const found = await withAgent(values, (client) => client.getLogLevel());
    process.stdout.write(`${found.replace('LOG_LEVEL_', '').toLowerCase()}\n`);
    return 0;
  }
  if (action !== 'set' || level === undefined) throw new UsageError('Either "get", or "set" and a level');
  const name = `LOG_LEVEL_${level.toUpperCase()}`;
  if (!isLogLevel(name))
    throw new UsageError(`The level "${level}" is not one of fatal, error, warn, info, debug, trace`);
  await withAgent(values, (client) => client.setLogLevel(name));
  return 0;
}

function isLogLevel(name: string): name is LogLevel {
  return /^LOG_LEVEL_(PANIC|FATAL|ERROR|WARN|INFO|DEBUG|TRACE)$/.test(name);
}
