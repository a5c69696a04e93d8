import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from './package-root.ts';
import { translateStack } from './source-positions.ts';

/** Line 1, column 1 of the bundled file is line 11, column 5 of `src/cli/run.ts`. */
const map = new SourceMap({
  file: 'run-1a2b.js',
  version: 3,
  sources: ['src/cli/run.ts'],
  sourcesContent: [],
  names: [],
  mappings: 'AAUI',
  sourceRoot: '',
});
const bundled = 'file:///opt/jatai/build/js/run-1a2b.js';

test('translateStack names the sources instead of the bundle', () => {
  const stack = `Error: x\n    at runCommand (${bundled}:1:1)\n    at node:internal/timers:685:17`;
  expect(translateStack(stack, () => map)).toBe(
    `Error: x\n    at runCommand (${join(packageRoot, 'src/cli/run.ts')}:11:5)\n    at node:internal/timers:685:17`,
  );
});

test('translateStack leaves places alone for which there is no map', () => {
  const asked: string[] = [];
  const mapOf = (file: string) => {
    asked.push(file);
    return undefined;
  };
  expect(translateStack(`    at ${bundled}:3:7`, mapOf)).toBe(`    at ${bundled}:3:7`);
  expect(asked).toEqual(['/opt/jatai/build/js/run-1a2b.js']);
});
