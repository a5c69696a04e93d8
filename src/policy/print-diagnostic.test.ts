import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkPolicies } from './check.ts';
import { printDiagnostics, printDiagnosticsJson } from './print-diagnostic.ts';

const golden = new URL('golden/', import.meta.url);

test.each(['typing-mistakes', 'not-compiled', 'values'])('printDiagnostics shows %s', async (name) => {
  const file = `${name}.yaml`;
  const text = readFileSync(new URL(file, golden), 'utf8');
  const { diagnostics } = checkPolicies(text, file);
  await expect(printDiagnostics(diagnostics, new Map([[file, text]]))).toMatchFileSnapshot(`golden/${name}.txt`);
  await expect(printDiagnosticsJson(diagnostics)).toMatchFileSnapshot(`golden/${name}.json`);
  expect(JSON.parse(printDiagnosticsJson(diagnostics))).toEqual(diagnostics);
});

const finding = { file: 'p.yaml', line: 1, column: 3, severity: 'error', code: 'x', message: 'No', hint: '' } as const;

test('printDiagnostics without the source', () => {
  expect(printDiagnostics([finding], new Map())).toBe('p.yaml:1:3: error: No\n');
  expect(printDiagnostics([], new Map())).toBe('');
  expect(printDiagnosticsJson([])).toBe('[]\n');
});

test('the caret stands below its column after tabs and in long lines', () => {
  expect(printDiagnostics([finding], new Map([['p.yaml', '\ta: b\r\n']]))).toBe(
    'p.yaml:1:3: error: No\n  \ta: b\n  \t ^\n',
  );
  const long = `${'x'.repeat(500)}HERE${'y'.repeat(500)}`;
  const printed = printDiagnostics([{ ...finding, column: 501 }], new Map([['p.yaml', long]])).split('\n');
  expect(printed[1]!.slice(printed[2]!.indexOf('^')).startsWith('HERE')).toBe(true);
  expect(printed[1]!.length).toBeLessThan(130);
});

test('control characters do not reach the terminal', () => {
  const printed = printDiagnostics(
    [{ ...finding, message: 'a\u001b[31mb\n' }],
    new Map([['p.yaml', 'x\u001b]0;title\u0007']]),
  );
  expect(printed).toBe('p.yaml:1:3: error: a\uFFFD[31mb\uFFFD\n  x\uFFFD]0;title\uFFFD\n    ^\n');
});
