/**
 * Bundles `src/cli/main.ts` as plain JavaScript: `node scripts/bundle.ts FOLDER`. The agent starts from it in a fraction of
 * the time and memory that stripping types of some hundred files takes.
 */
import { renameSync, rmSync, utimesSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';

/** Packages whose code goes into the bundle with all they import; others stay where they are, and are loaded when needed. */
const inlinedPackages = new Set(['yaml', 'pino']);
const root = join(import.meta.dirname, '..');

await bundle(process.argv[2]!);

/** The folder is replaced whole. Its `main.js` bears the time at which reading began: what changes later is newer. */
async function bundle(folder: string): Promise<void> {
  const startTime = new Date();
  const unfinished = `${folder}.new`;
  const build = await rolldown({
    cwd: root,
    input: { main: join(root, 'src/cli/main.ts') },
    platform: 'node',
    external: isExternal,
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  await build.write({
    dir: unfinished,
    cleanDir: true,
    format: 'esm',
    sourcemap: true,
    sourcemapPathTransform: (source) => relative(root, join(unfinished, source)),
    /* Lines stay: Node shows that of an error nobody caught. */
    minify: { compress: true, mangle: false, codegen: false },
    comments: { legal: false, annotation: false, jsdoc: false },
  });
  await build.close();
  utimesSync(join(unfinished, 'main.js'), startTime, startTime);
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
}

function isExternal(id: string, importer: string | undefined): boolean {
  if (id.startsWith('node:') || builtinModules.includes(id)) return true;
  const ofOurs = importer?.startsWith(join(root, 'src/')) ?? false;
  return ofOurs && !id.startsWith('.') && !id.startsWith('/') && !inlinedPackages.has(packageOf(id));
}

/** `@scope/name/file` is of `@scope/name`. */
function packageOf(id: string): string {
  return id.split('/', id.startsWith('@') ? 2 : 1).join('/');
}
