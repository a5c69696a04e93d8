import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from './run-command.ts';

/** Modules an initramfs must load before the machine's root can be mounted; each comes after what it needs. */
export const bootModules = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay'] as const;

/** Modules kept for tests to load in the guest: a network that leads nowhere, and small harmless ones. */
export const guestModules = ['dummy', 'veth', 'loop', 'tun', 'nlmon'] as const;

/** `modules.dep` as data: module file -> files it needs, all relative to the release's module folder. */
type ModuleDependencies = Map<string, string[]>;

/**
 * Copies `names` with all their dependencies, decompressed, from `source` to `target` (both hold lib/modules/RELEASE)
 * and indexes them. A name without a module file is built into the kernel or unknown to it; it is skipped.
 */
export async function copyModules(
  names: readonly string[],
  release: string,
  source: string,
  target: string,
): Promise<void> {
  await runCommand('depmod', ['-b', source, release]);
  const from = path.join(source, 'lib/modules', release);
  const to = path.join(target, 'lib/modules', release);
  const files = orderModules(names, await readDependencies(from));
  await mkdir(to, { recursive: true });
  for (const index of ['modules.builtin', 'modules.order', 'modules.builtin.modinfo']) {
    await copyFile(path.join(from, index), path.join(to, index)).catch(ignoreMissing);
  }
  for (const file of files) {
    await mkdir(path.dirname(path.join(to, file)), { recursive: true });
    await copyFile(path.join(from, file), path.join(to, file));
    await decompress(path.join(to, file));
  }
  await runCommand('depmod', ['-b', target, release]);
}

/** Absolute paths of the files for `names`, dependencies first, under `folder` (which holds lib/modules/RELEASE). */
export async function moduleLoadOrder(names: readonly string[], release: string, folder: string): Promise<string[]> {
  const base = path.join(folder, 'lib/modules', release);
  return orderModules(names, await readDependencies(base)).map((file) => path.join(base, file));
}

async function readDependencies(folder: string): Promise<ModuleDependencies> {
  const text = await readFile(path.join(folder, 'modules.dep'), 'utf8');
  const lines = text.split('\n').filter(Boolean);
  return new Map(
    lines.map((line) => {
      const [file, needs] = line.split(':') as [string, string];
      return [file, needs.split(' ').filter(Boolean)];
    }),
  );
}

function orderModules(names: readonly string[], dependencies: ModuleDependencies): string[] {
  const fileOf = new Map([...dependencies.keys()].map((file) => [moduleName(file), file]));
  const ordered = new Set<string>();
  const add = (file: string) => {
    // modules.dep lists all dependencies of a module, the one to load first at the end.
    for (const needed of (dependencies.get(file) ?? []).toReversed()) ordered.add(needed);
    ordered.add(file);
  };
  for (const name of names) {
    const file = fileOf.get(moduleName(name));
    if (file !== undefined) add(file);
  }
  return [...ordered];
}

function moduleName(file: string): string {
  return path
    .basename(file)
    .replace(/\.ko(\..*)?$/, '')
    .replaceAll('-', '_');
}

async function decompress(file: string): Promise<void> {
  if (file.endsWith('.xz')) await runCommand('xz', ['--decompress', '--force', file]);
  if (file.endsWith('.zst')) await runCommand('zstd', ['--decompress', '--quiet', '--rm', file]);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
