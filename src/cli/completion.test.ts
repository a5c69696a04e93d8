import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

const jatai = join(import.meta.dirname, '..', '..', 'bin', 'jatai');

function printScript(shell: string): string {
  const { status, stdout, stderr } = spawnSync(jatai, ['completion', shell], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

describe('jatai completion bash', () => {
  let script = '';
  beforeAll(() => {
    script = printScript('bash');
  });

  /** What bash offers for the last of these words. */
  function complete(...words: string[]): string[] {
    const line = words.map((word) => `'${word}'`).join(' ');
    const command = `${script}\nCOMP_WORDS=(jatai ${line}); COMP_CWORD=${words.length}; _jatai; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', command], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.split('\n').filter((word) => word !== '');
  }

  const cases: readonly (readonly [words: string[], expected: string[]])[] = [
    [['ev'], ['events']],
    [['p'], ['probe', 'policy']],
    [
      ['policy', 'e'],
      ['explain', 'enable'],
    ],
    [['policy', 'set'], ['set-mode']],
    [['policy', 'list', '--dom'], ['--domain']],
    [
      ['events', '--reco'],
      ['--reconnect', '--reconnect-wait'],
    ],
    [['run', '--server-tls-k'], ['--server-tls-key-file']],
    [['loglevel', '--h'], ['--help']],
    [['policy', 'add', 'file'], []],
    [['nonsense', '--x'], []],
  ];
  for (const [words, expected] of cases) test(words.join(' '), () => expect(complete(...words)).toEqual(expected));
});

test('jatai completion fish names every command once', () => {
  const script = printScript('fish');
  expect(script).toContain(
    `complete -c jatai -n __fish_use_subcommand -a events -d 'print the events of a running agent'\n`,
  );
  expect(script).toContain(
    `complete -c jatai -n '__fish_seen_subcommand_from policy; and __fish_seen_subcommand_from list' -l output\n`,
  );
  const lines = script.trimEnd().split('\n');
  expect(new Set(lines).size).toBe(lines.length);
  for (const line of lines) expect(line.replaceAll(/'[^']*'/g, '')).not.toContain("'");
});

test('another shell is wrong use', () => {
  const { status, stderr } = spawnSync(jatai, ['completion', 'tcsh'], { encoding: 'utf8' });
  expect(status).toBe(2);
  expect(stderr).toContain('Name one shell: bash, zsh or fish');
});
