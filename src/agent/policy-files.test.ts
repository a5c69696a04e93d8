import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PolicyLoader } from './policy-files.ts';
import { PolicyWatch } from './policy-watch.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'policies-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function policyText(name: string): string {
  return `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: ${name}
spec:
  kprobes:
  - call: sys_getppid
    syscall: true
`;
}

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

describe('loading again', () => {
  it('gives the same objects for files that did not change', () => {
    write('a.yaml', policyText('a'));
    const loader = new PolicyLoader([directory]);
    const [first] = loader.load().policies;
    write('b.yaml', policyText('b'));
    const { policies } = loader.load();
    expect(policies.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(policies[0]).toBe(first);
  });

  it('keeps the policies of a file that is wrong now, until it is removed', () => {
    const file = write('a.yaml', policyText('a'));
    const loader = new PolicyLoader([directory]);
    const [first] = loader.load().policies;
    write('a.yaml', 'kind: TracingPolicy\nspec: {kprobes: [}\n');
    const broken = loader.load();
    expect(broken.policies).toEqual([first]);
    expect(broken.kept).toEqual([file]);
    expect(broken.diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
    expect(loader.load().kept).toEqual([file]);
    rmSync(file);
    expect(loader.load()).toMatchObject({ policies: [], kept: [] });
  });

  it('keeps nothing of a file that never was right', () => {
    write('a.yaml', 'kind: TracingPolicy\nspec: {kprobes: [}\n');
    const loader = new PolicyLoader([directory]);
    expect(loader.load()).toMatchObject({ policies: [], kept: [] });
    expect(loader.load()).toMatchObject({ policies: [], kept: [] });
  });

  it('reads the other files of a directory when one cannot be read', () => {
    write('b.yaml', policyText('b'));
    mkdirSync(join(directory, 'a.yaml'));
    const { policies, unreadable } = new PolicyLoader([directory]).load();
    expect(policies.map(({ name }) => name)).toEqual(['b']);
    expect(unreadable.map(({ path }) => path)).toEqual([join(directory, 'a.yaml')]);
  });
});

describe('watching', () => {
  it('tells of a file that is put in the place of another', async () => {
    const file = write('a.yaml', policyText('a'));
    const { promise, resolve } = Promise.withResolvers<void>();
    using _watch = new PolicyWatch([file], resolve, () => expect.unreachable());
    renameSync(write('a.new', policyText('b')), file);
    await promise;
    expect(new PolicyLoader([file]).load().policies[0]!.name).toBe('b');
  });

  it('names what it cannot watch', () => {
    const unwatched: string[] = [];
    using _watch = new PolicyWatch(
      [join(directory, 'none', 'a.yaml')],
      () => {},
      (path) => unwatched.push(path),
    );
    expect(unwatched).toEqual([join(directory, 'none', 'a.yaml')]);
  });
});
