import { spawnSync } from 'node:child_process';

/**
 * Remembers the modes of this process's terminal; the function returned sets them again.
 *
 * QEMU changes them and is killed before it could change them back.
 */
export function saveTerminal(): () => void {
  const { stdout } = spawnSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
  const modes = stdout.trim();
  return () => {
    if (modes) spawnSync('stty', [modes], { stdio: ['inherit', 'ignore', 'ignore'] });
  };
}

/** Size and type of this process's terminal. */
export function terminalShape(): { rows: number; columns: number; type: string } {
  const { rows = 24, columns = 80 } = process.stdout;
  return { rows, columns, type: process.env['TERM'] ?? 'vt100' };
}
