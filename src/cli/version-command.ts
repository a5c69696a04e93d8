import { parseArgs } from 'node:util';
import { connectionArguments, connectionUsage, withAgent } from './agent/agent-connection.ts';
import { readVersion } from './version.ts';

export const versionUsage = `Usage: jatai version [options]

Prints the version of this program.

  -s, --server               also that of a running agent
${connectionUsage}`;

/** `jatai version`: returns the exit status. */
export async function versionCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { server: { type: 'boolean', short: 's', default: false }, ...connectionArguments },
  });
  process.stdout.write(`jatai ${readVersion()}\n`);
  if (values.server) {
    const version = await withAgent(values, (client) => client.getVersion());
    process.stdout.write(`agent ${version}\n`);
  }
  return 0;
}
