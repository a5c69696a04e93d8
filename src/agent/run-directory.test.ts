import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HooksFile, NoAgent, readHooksFile, startTicksOf } from './hooks-file.ts';
import { RunDirectory } from './run-directory.ts';

let folder = '';
let warnings: string[] = [];
const log = pino(
  { level: 'warn' },
  { write: (line: string) => warnings.push((JSON.parse(line) as { msg: string }).msg) },
);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jatai-run-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const nothing = { hooks: [], sensors: [] };
const path = () => join(folder, 'run', 'hooks.json');

describe('RunDirectory', () => {
  test('keeps one file, for its owner only, while the agent runs', () => {
    const directory = new RunDirectory(join(folder, 'run'), log);
    directory.writeHooks(nothing);
    directory.writeHooks({ ...nothing, sensors: [{ name: 'exec', section: 'raw_tp/x', programId: 3 }] });
    expect(readdirSync(join(folder, 'run'))).toEqual(['hooks.json']);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(readHooksFile(path())).toMatchObject({ pid: process.pid, switches: 2, sensors: [{ programId: 3 }] });
    directory.close();
    expect(readdirSync(join(folder, 'run'))).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test('leaves the file of another agent that runs alone, and says so once', () => {
    const other: HooksFile = { schema: 1, pid: 1, startTicks: startTicksOf(1)!, switches: 9, ...nothing };
    writeFileSync(join(folder, 'hooks.json'), JSON.stringify(other));
    const directory = new RunDirectory(folder, log);
    directory.writeHooks(nothing);
    directory.writeHooks(nothing);
    directory.close();
    expect(readHooksFile(join(folder, 'hooks.json')).switches).toBe(9);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(
      'another agent, pid 1, runs with this directory: give this one its own with --run-dir',
    );
  });

  test('replaces what an agent left that has ended, and what cannot be read', () => {
    for (const text of [JSON.stringify({ schema: 1, pid: 1, startTicks: 1, switches: 9, ...nothing }), '{']) {
      writeFileSync(join(folder, 'hooks.json'), text);
      const directory = new RunDirectory(folder, log);
      directory.writeHooks(nothing);
      expect(readHooksFile(join(folder, 'hooks.json')).pid).toBe(process.pid);
      directory.close();
    }
  });

  test('a directory that cannot be made is a warning', () => {
    writeFileSync(join(folder, 'run'), '');
    new RunDirectory(join(folder, 'run'), log).writeHooks(nothing);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('jatai top cannot find this agent');
  });
});

describe('readHooksFile', () => {
  const check = (text: string | undefined, message: string) => {
    if (text !== undefined) writeFileSync(join(folder, 'hooks.json'), text);
    expect(() => readHooksFile(join(folder, 'hooks.json'))).toThrow(NoAgent);
    expect(() => readHooksFile(join(folder, 'hooks.json'))).toThrow(message);
  };

  test('says what is wrong', () => {
    check(undefined, 'No agent runs here');
    check('{"schema":1', 'not written by an agent of this version');
    check('{"schema":2,"hooks":[],"sensors":[]}', 'not written by an agent of this version');
    check('{"schema":1,"pid":1,"startTicks":1,"hooks":[],"sensors":[]}', 'pid 1, has ended without removing it');
  });
});
