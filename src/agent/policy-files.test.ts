import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

function repeatedly(action: () => void): Disposable {
  const timer = setInterval(action, 50);
  return { [Symbol.dispose]: () => clearInterval(timer) };
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

  it('notices that a file goes which could not be read', () => {
    const file = write('a.yaml', policyText('a'));
    const loader = new PolicyLoader([directory]);
    loader.load();
    rmSync(file);
    mkdirSync(file);
    expect(loader.load()).toMatchObject({ kept: [file], changed: true });
    expect(loader.load()).toMatchObject({ kept: [file], changed: false });
    rmSync(file, { recursive: true });
    expect(loader.load()).toMatchObject({ policies: [], kept: [], changed: true });
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

  /** Resolves at the first load with a policy of this name. */
  async function seen(path: string, name: string, change: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (new PolicyLoader([path]).load().policies.some((policy) => policy.name === name)) resolve();
    };
    using _watch = new PolicyWatch([path], look, () => expect.unreachable());
    change();
    await promise;
  }

  it('goes on in a directory that comes later, or in the place of another', async () => {
    const path = join(directory, 'policies.d');
    await seen(path, 'a', () => {
      mkdirSync(path);
      write('policies.d/a.yaml', policyText('a'));
    });
    const { promise: removed, resolve } = Promise.withResolvers<void>();
    const names: string[][] = [];
    using _watch = new PolicyWatch(
      [path],
      () => {
        names.push(new PolicyLoader([path]).load().policies.map(({ name }) => name));
        if (names.length === 1) write('policies.d/c.yaml', policyText('c'));
        else resolve();
      },
      () => expect.unreachable(),
    );
    mkdirSync(join(directory, 'new'));
    write('new/b.yaml', policyText('b'));
    renameSync(path, join(directory, 'old'));
    renameSync(join(directory, 'new'), path);
    await removed;
    expect(names).toEqual([['b'], ['b', 'c']]);
  });

  it('follows links to directories and files, wherever they lead', async () => {
    for (const name of ['v1', 'v2']) mkdirSync(join(directory, name));
    write('v1/a.yaml', policyText('one'));
    write('v2/a.yaml', policyText('two'));
    const link = join(directory, 'current');
    symlinkSync('v1', link);
    await seen(link, 'two', () => {
      symlinkSync('v2', join(directory, 'next'));
      renameSync(join(directory, 'next'), link);
    });
    const file = join(directory, 'link.yaml');
    symlinkSync(join('v1', 'a.yaml'), file);
    await seen(file, 'three', () => write('v1/a.yaml', policyText('three')));
  });

  it('of a ConfigMap notices that its data is exchanged', async () => {
    for (const name of ['..1', '..2']) mkdirSync(join(directory, name));
    write('..1/a.yaml', policyText('one'));
    write('..2/a.yaml', policyText('two'));
    symlinkSync('..1', join(directory, '..data'));
    symlinkSync(join('..data', 'a.yaml'), join(directory, 'a.yaml'));
    const exchange = (to: string) => () => {
      symlinkSync(to, join(directory, '..new'));
      renameSync(join(directory, '..new'), join(directory, '..data'));
    };
    await seen(directory, 'two', exchange('..2'));
    await seen(join(directory, 'a.yaml'), 'one', exchange('..1'));
  });

  it('does not wait for a file that is written to all the time', async () => {
    write('a.yaml', policyText('a'));
    using _writer = repeatedly(() => write('agent.log', 'x'));
    await seen(directory, 'b', () => write('b.yaml', policyText('b')));
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
