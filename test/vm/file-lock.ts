import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

/**
 * Runs `work` while holding an exclusive lock on `lockFile`, which is created when missing.
 *
 * flock(1) holds the lock for as long as its standard input is open, so it is released even when this process is killed.
 */
export async function withFileLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(lockFile), { recursive: true });
  const holder = spawn('flock', ['--exclusive', lockFile, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'close');
  const outcome = await Promise.race([once(holder.stdout, 'data').then(() => 'locked'), ended.then(() => 'ended')]);
  if (outcome === 'ended') throw new Error(`cannot lock ${lockFile}: flock ended early`);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
