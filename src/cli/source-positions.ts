import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from './package-root.ts';

/** `file:///.../build/js/run-1a2b.js:10:5` in a line of a stack. */
const bundledPlace = /file:\/\/\S+?\/build\/js\/[^/:()]+\.js:(\d+):(\d+)/g;

/**
 * Makes the stacks of errors name lines of `src/` although the bundle runs. Maps are read when a stack is looked at, so
 * a start pays nothing. Does nothing when the sources run themselves.
 */
export function showSourcePositions(): void {
  if (!import.meta.filename.endsWith('.js')) return;
  const maps = new Map<string, SourceMap | undefined>();
  Error.prepareStackTrace = (error, sites) =>
    translateStack([String(error), ...sites.map((site) => `    at ${site}`)].join('\n'), (file) => {
      if (!maps.has(file)) maps.set(file, readMap(file));
      return maps.get(file);
    });
}

/** A stack with each place in the bundle replaced by that in the sources; `mapOf` gives the map of a bundled file. */
export function translateStack(stack: string, mapOf: (file: string) => SourceMap | undefined): string {
  return stack.replaceAll(bundledPlace, (place: string, line: string, column: string) => {
    const map = mapOf(fileURLToPath(place.slice(0, -`:${line}:${column}`.length)));
    const found = map?.findEntry(Number(line) - 1, Number(column) - 1);
    if (found === undefined || !('originalSource' in found)) return place;
    return `${join(packageRoot, found.originalSource)}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  });
}

/** Undefined when the package came without maps: the places of the bundle are better than none. */
function readMap(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
