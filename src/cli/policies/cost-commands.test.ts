import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// `jatai policy cost` and `jatai top` as users meet them.

const root = join(import.meta.dirname, '..', '..', '..');
const facts = join(root, 'test', 'fixtures', 'facts', 'debian-6.12.json');
const examples = join(root, 'test', 'golden', 'explain');
const rootOnly = process.getuid?.() === 0 ? '' : ' (skipped: needs root)';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'jatai-cost-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function jatai(...args: string[]) {
  return spawnSync(join(root, 'bin', 'jatai'), args, { cwd: folder, encoding: 'utf8' });
}

interface CostJson {
  readonly hooks: readonly { readonly name: string; readonly attach: number; readonly outcomes: object }[];
  readonly policies: readonly { readonly name: string; readonly adds: number }[];
  readonly live?: { readonly instructionNs: number; readonly hooks: readonly { readonly callsPerSecond: number }[] };
}

describe('jatai policy cost', () => {
  test('shows hooks by outcome and policies alone and together, for a stored kernel', () => {
    const { status, stdout } = jatai('policy', 'cost', examples, '--facts', facts);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Kernel 6\.12\.\d+\S*, x86_64\. Machine instructions of one call/);
    expect(stdout).toMatch(
      /\nHook file_open: lsm\/file_open, 2 policies, \d+ eBPF instructions\n +least +typical +most\n/,
    );
    expect(stdout).toMatch(/\n {2}refused early, by the guard +\d+ +\d+ +[\d,]+\n/);
    expect(stdout).toMatch(/\n {2}its return, by fexit\/__x64_sys_openat: \d+ for every call, [\d,]+ after a match\n/);
    expect(stdout).toMatch(/\n {2}watch-sudoers +file_open +\d+ +[\d,]+ +-?\d+\n/);
  });

  test('gives the same as JSON', () => {
    const { stdout } = jatai('policy', 'cost', examples, '--facts', facts, '-o', 'json');
    const { hooks, policies, live } = JSON.parse(stdout) as CostJson;
    expect(hooks.map(({ name }) => name).sort()).toEqual(['__x64_sys_openat', 'file_open', 'tcp_connect']);
    expect(Object.keys(hooks.find(({ name }) => name === 'tcp_connect')!.outcomes)).toEqual([
      'refused-late',
      'matched',
    ]);
    expect(policies).toHaveLength(4);
    expect(live).toBeUndefined();
  });

  test('names what is wrong with the command line', () => {
    const check = (args: string[], message: string) => {
      const { status, stderr } = jatai('policy', 'cost', ...args);
      expect(status).toBe(2);
      expect(stderr).toContain(message);
    };
    check([], 'No policy given');
    check([examples, '-o', 'yaml'], '--output "yaml" is not one of text, json');
    check([examples, '--live', 'soon'], '--live "soon" is not a time such as');
    check([examples, '--live', '1s', '--facts', facts], '--live counts on this machine: leave out --facts');
  });

  test.skipIf(rootOnly !== '')(`--live counts the calls of this machine${rootOnly}`, () => {
    const policy = join(examples, 'failed-opens.yaml');
    const { status, stdout } = jatai('policy', 'cost', policy, '--live', '300ms', '-o', 'json');
    expect(status).toBe(0);
    const { live } = JSON.parse(stdout) as CostJson;
    expect(live!.instructionNs).toBeGreaterThan(0);
    expect(live!.hooks).toHaveLength(1);
    expect(live!.hooks[0]!.callsPerSecond).toBeGreaterThanOrEqual(0);
  });
});

describe.skipIf(rootOnly !== '')(`jatai top${rootOnly}`, () => {
  test('says what to do when no agent runs', () => {
    const { status, stdout, stderr } = jatai('top', '--run-dir', folder);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(`No agent runs here: there is no ${join(folder, 'hooks.json')}`);
    expect(stderr).toContain('hint: Start one with: jatai run');
  });

  test('names what is wrong with the command line', () => {
    for (const [option, value] of [
      ['interval', '10ms'],
      ['count', '0'],
      ['output', 'xml'],
    ]) {
      const { status, stderr } = jatai('top', `--${option}`, value!);
      expect(status).toBe(2);
      expect(stderr).toContain(`--${option} "${value}" is`);
    }
  });
});
