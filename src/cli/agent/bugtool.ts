import { lstatSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { redactSecrets } from '../../client/redact-secrets.ts';
import { type TarEntry, tarArchive } from '../../client/tar.ts';
import { UsageError } from '../errors.ts';
import { connectionArguments, connectionUsage } from './agent-connection.ts';
import { type BugSource, bugSources } from './bug-sources.ts';

export const bugtoolUsage = `Usage: jatai bugtool [options]

Writes one archive with what is needed to find out why something does not work: the kernel and what it can do, the
settings, the state of a running agent and its policies. No events and no arguments of processes; secrets in settings
are replaced by *****. What could not be had is named in the archive.

  -o, --output FILE          default jatai-bugtool.tar.gz, only its owner can read it
${connectionUsage}`;

/** `jatai bugtool`: returns the exit status. */
export async function bugtoolCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { output: { type: 'string', short: 'o', default: 'jatai-bugtool.tar.gz' }, ...connectionArguments },
  });
  if (values.output === '') throw new UsageError('--output needs the name of a file');
  const entries: TarEntry[] = [];
  const missing: string[] = [];
  for (const source of bugSources(values)) await collect(source, entries, missing);
  if (missing.length > 0) entries.push({ name: 'missing.txt', content: Buffer.from(`${missing.join('\n')}\n`) });
  const named = entries.map(({ name, content }) => ({ name: `jatai-bugtool/${name}`, content }));
  writeArchive(values.output, gzipSync(tarArchive(named, new Date())));
  const without = missing.length === 0 ? '' : `, without ${missing.length} that could not be had`;
  process.stdout.write(`${values.output}: ${entries.length} files${without}\n`);
  return 0;
}

/** Replaces an older archive, which others may be able to read; devices and pipes are written to. */
function writeArchive(path: string, archive: Buffer): void {
  const old = lstatSync(path, { throwIfNoEntry: false });
  const isReplaced = old === undefined || old.isFile() || old.isSymbolicLink();
  if (isReplaced) rmSync(path, { force: true });
  writeFileSync(path, archive, { mode: 0o600, flag: isReplaced ? 'wx' : 'w' });
}

/** A part that fails is named: the rest is the more needed. */
async function collect({ name, read }: BugSource, entries: TarEntry[], missing: string[]): Promise<void> {
  try {
    const text = redactSecrets(await read());
    entries.push({ name, content: Buffer.from(text.slice(-maxTextLength)) });
  } catch (error) {
    missing.push(`${name}: ${(error as Error).message}`);
  }
}

/** The end of a log is what matters. */
const maxTextLength = 8 * 1024 * 1024;
