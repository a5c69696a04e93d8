import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ExistingProcess } from '../events/processes/existing-process.ts';
import { textOf } from '../events/processes/process.ts';
import { ProcessCache } from '../events/processes/process-cache.ts';
import { processFlags } from '../events/wire.ts';
import { readStat } from '../kernel/procfs.ts';
import { ProcessIdentities } from './process-identities.ts';

const silent = pino({ level: 'silent' });
let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jatai-identities-'));
  file = join(folder, 'run', 'processes.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const shell: ExistingProcess = {
  tgid: 5_000_001,
  ktimeNs: (7n << 32n) | 5n,
  parentTgid: 1,
  parentKtimeNs: 3n,
  binary: Buffer.from([0x2f, 0xff]),
  args: Buffer.from('sh\0-c\0'),
  cwd: Buffer.from('/'),
  uid: 5,
  auid: 6,
  nsPid: 7,
  cgroup: Buffer.from('a.scope'),
};

/** A cache with this process, the child of a shell that has ended. */
function thisProcess(more: Partial<ExistingProcess> = {}) {
  const cache = new ProcessCache({ capacity: 10, graceSeconds: 5, withCredentials: false, withNamespaces: false });
  const parent = cache.addProcess({ ...shell, ...more });
  const self = cache.addProcess({
    ...shell,
    tgid: process.pid,
    ktimeNs: 9_000_000_000_123n,
    parentTgid: shell.tgid,
    parentKtimeNs: shell.ktimeNs,
  });
  cache.parentOf(self);
  cache.end(parent, { ktimeLow: 0, ktimeHigh: 8 });
  return { cache, self };
}

function execution() {
  return { pid: process.pid, ...readStat(process.pid)! };
}

function save(isCurrent = true, more: Partial<ExistingProcess> = {}): void {
  new ProcessIdentities(file, silent).save(thisProcess(more).cache.all(), () => isCurrent);
}

test('the next agent knows the processes that live, and the ended ones above them', () => {
  save();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { identityOf, ended } = new ProcessIdentities(file, silent).load();
  expect(identityOf(execution())).toEqual({
    ktimeNs: 9_000_000_000_123n,
    parentTgid: shell.tgid,
    parentKtimeNs: shell.ktimeNs,
  });
  expect(ended).toEqual([
    { ...shell, flags: processFlags.PROCFS | processFlags.ROOT_CWD, argsJoined: false, ended: true },
  ]);
  const again = thisProcess().cache.addProcess({ ...ended[0]!, tgid: 5_000_002 });
  expect([textOf(again.image.args), again.flags]).toEqual(['sh\0-c\0', processFlags.PROCFS | processFlags.ROOT_CWD]);
});

test('who has executed something since is another', () => {
  save();
  const { identityOf } = new ProcessIdentities(file, silent).load();
  const { argumentsAddress, startTimeNs } = execution();
  expect(identityOf({ ...execution(), argumentsAddress: argumentsAddress + 16n })).toBeUndefined();
  expect(identityOf({ ...execution(), startTimeNs: startTimeNs + 10_000_000n })).toBeUndefined();
  expect(identityOf({ ...execution(), pid: 1 })).toBeUndefined();
  save(false);
  expect(new ProcessIdentities(file, silent).load().identityOf(execution())).toBeUndefined();
});

test('arguments are cut, what was raised by a file is not kept', () => {
  const flags = processFlags.RAISED_SETUID | processFlags.IN_INIT_TREE;
  save(true, { args: Buffer.alloc(10_000, 'a'), flags, argsJoined: true });
  const [parent] = new ProcessIdentities(file, silent).load().ended;
  expect(parent).toMatchObject({ argsJoined: true });
  expect(parent!.args).toHaveLength(4096);
  const { PROCFS, ROOT_CWD, IN_INIT_TREE, TRUNC_ARGS } = processFlags;
  expect(parent!.flags).toBe(PROCFS | ROOT_CWD | IN_INIT_TREE | TRUNC_ARGS);
});

test('a file of another boot, of another user or without sense is not believed', ({ skip }) => {
  const known = () => new ProcessIdentities(file, silent).load().identityOf(execution()) !== undefined;
  expect(known()).toBe(false);
  save();
  const text = readFileSync(file, 'utf8');
  for (const other of [text.replace(/"bootId":"./, '"bootId":"x'), text.slice(0, 100), '{}', 'null', '']) {
    writeFileSync(file, other);
    expect(known()).toBe(false);
  }
  writeFileSync(file, text);
  expect(known()).toBe(true);
  if (process.getuid?.() !== 0) skip('needs root to give a file away');
  chownSync(file, 1, 1);
  expect(known()).toBe(false);
});

test('a folder that cannot be written to is a warning, once', () => {
  const warnings: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(line) });
  writeFileSync(join(folder, 'run'), '');
  const identities = new ProcessIdentities(file, log);
  identities.save(thisProcess().cache.all(), () => true);
  identities.save([], () => true);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain('the next agent gives running processes other ids');
});
