import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sampleLines } from '../../events/sample-replay.ts';

const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'jatai');

function events(args: string[]): { status: number | null; lines: string[]; stderr: string } {
  const input = `${sampleLines.join('\n')}\n`;
  const { status, stdout, stderr } = spawnSync(program, ['events', ...args], { input, encoding: 'utf8' });
  return { status, lines: stdout.split('\n').filter((line) => line !== ''), stderr };
}

test('jatai events --schema writes saved events as OCSF and ECS', () => {
  const ocsf = events(['--schema', 'ocsf']);
  expect(ocsf.lines.length).toBe(sampleLines.length);
  expect(JSON.parse(ocsf.lines[0]!)).toMatchObject({ class_uid: 1007, metadata: { version: '1.7.0' } });
  const ecs = events(['--schema', 'ecs', '-o', 'json', '--count', '2']);
  expect(ecs.lines.length).toBe(2);
  expect(JSON.parse(ecs.lines[0]!)).toMatchObject({ ecs: { version: '9.4.0' }, event: { module: 'jatai' } });
  expect(events(['--schema', 'tetragon']).lines).toEqual(sampleLines);
});

test('jatai events refuses a schema it does not have, and one of compact text', () => {
  expect(events(['--schema', 'cef'])).toMatchObject({
    status: 2,
    lines: [],
    stderr: expect.stringContaining('--schema "cef" is not one of tetragon, ocsf, ecs'),
  });
  for (const form of [['--tree'], ['-o', 'compact']])
    expect(events(['--schema', 'ocsf', ...form]).stderr).toContain('--schema is a form of json');
});
