import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../test/vm/repository-root.ts';
import { runCommand } from '../../test/vm/run-command.ts';

const copies = '/run/jatai-bench/checkout';
/** In build/, what the agent does not read; the rest may be. */
const notTheAgents = new Set(['bench', 'kernels', 'peers', 'programs', 'test-reports']);
/** Parts of packages that are not run here, and are large. */
const leftOut = /\/node_modules\/(@biomejs|node-linux-[^/]+\/(include|share|lib))(\/|$)/;

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

/**
 * Puts what the agent is made of into the guest's memory, at the same paths. Every access to the host's files waits for
 * the host, and while a guest that counts instructions waits, its clock leaps.
 */
export async function useLocalCopy(): Promise<void> {
  const folder = path.join(repositoryRoot, 'build');
  const built = readdirSync(folder).filter((name) => !notTheAgents.has(name));
  /* What is built comes last: the bundle must not be older than its sources. */
  const items = ['bin', 'src', 'tracing-policies', 'package.json', ...built.map((name) => `build/${name}`)];
  for (const item of items) await replace(path.join(repositoryRoot, item), () => true);
  const packages = runtimePackages();
  await replace(path.join(repositoryRoot, 'node_modules'), (file, root) => {
    const [scopeOrName = '', name = ''] = path.relative(root, file).split('/');
    if (scopeOrName === '' || scopeOrName === '.bin') return true;
    if (leftOut.test(file)) return false;
    if (!scopeOrName.startsWith('@')) return packages.has(scopeOrName);
    return name === '' || packages.has(`${scopeOrName}/${name}`);
  });
}

/** Copies what `wanted` says and mounts the copy over the original. */
async function replace(item: string, wanted: (file: string, root: string) => boolean): Promise<void> {
  const original = realpathSync(item);
  const copy = path.join(copies, original);
  mkdirSync(path.dirname(copy), { recursive: true });
  cpSync(original, copy, { recursive: true, verbatimSymlinks: true, filter: (file) => wanted(file, original) });
  await runCommand('mount', ['--bind', copy, original]);
}

/** Names of the packages that are not for development only. */
function runtimePackages(): Set<string> {
  const lock = JSON.parse(readFileSync(path.join(repositoryRoot, 'package-lock.json'), 'utf8')) as Lock;
  const names = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
  return new Set(names.map(([place]) => place.replace(/^node_modules\//, '')));
}
