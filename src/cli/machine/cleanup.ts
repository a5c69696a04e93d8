import { parseArgs } from 'node:util';
import { removeKeptObjects } from '../../agent/kept-objects.ts';
import { UsageError } from '../errors.ts';

export const cleanupUsage = `Usage: jatai cleanup [--bpf-dir NAME]

Ends the policies and sensors that an agent with --keep-sensors-on-exit left in force, and prints what it removed.
Refuses while that agent runs.

  --bpf-dir NAME        where they are kept, below /sys/fs/bpf (default jatai)
`;

/** `jatai cleanup`: returns the exit status. */
export async function cleanupCommand(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { 'bpf-dir': { type: 'string', default: 'jatai' } },
  });
  if (positionals.length > 0) throw new UsageError(`Unexpected argument "${positionals[0]}"`);
  const removed = removeKeptObjects(values['bpf-dir']);
  process.stdout.write(
    removed.length === 0 ? 'nothing to remove\n' : removed.map((file) => `removed ${file}\n`).join(''),
  );
  return 0;
}
