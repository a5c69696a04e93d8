import { fileOpenSpec, pathSpec, policySet, syscallSpec } from '../harness/policies.ts';
import { tetragonWith, thousand, thousandFactor } from '../published.ts';
import type { Row } from '../row.ts';

/** How many policies are loaded at the points of the curve. */
export const curveCounts: readonly number[] = [1, 10, 50, 200, 1000, 4000];

export const oneHookId = (count: number): string => `curve.one-hook.${count}`;
export const spreadId = (count: number): string => `curve.20-hooks.${count}`;

const prefixTarget = 2000;
/** open+close passes security_file_open and sys_openat of the twenty, whose targets are these. */
const spreadTarget = prefixTarget + 500;

const fileHooks = ['open', 'permission', 'ioctl', 'lock', 'fcntl', 'receive'].map((name) => `security_file_${name}`);
const pathHooks = ['truncate', 'unlink', 'mkdir', 'rmdir', 'mknod', 'symlink', 'rename', 'chmod', 'chown', 'chroot'];

/** Twenty hooks that get a path, as functions of the path; those that open+close calls come first. */
const hooks: readonly ((path: string) => string)[] = [
  (path) => fileOpenSpec('Prefix', path),
  (path) => syscallSpec('sys_openat', 1, 'string', 'Prefix', path),
  (path) => syscallSpec('sys_unlinkat', 1, 'string', 'Prefix', path),
  (path) => pathSpec('security_mmap_file', 0, 'file', 'Prefix', path),
  (path) => pathSpec('security_inode_getattr', 0, 'path', 'Prefix', path),
  ...fileHooks.slice(1).map((hook) => (path: string) => pathSpec(hook, 0, 'file', 'Prefix', path)),
  ...pathHooks.map((hook) => (path: string) => pathSpec(`security_path_${hook}`, 0, 'path', 'Prefix', path)),
];

const otherFolder = (index: number) => `/opt/other-${index}/`;
const policiesText = (count: number) =>
  `${count.toLocaleString('en-US')} ${count === 1 ? 'policy' : 'policies'} with a Prefix`;
const targetFor = (count: number, target: number) => ({
  target: count < thousand ? target : target * thousandFactor,
});

/** The cost of a call against the number of policies: it has to be flat. */
export const policyCurveRows: readonly Row[] = [
  ...curveCounts.map(
    (count): Row => ({
      id: oneHookId(count),
      family: 'policies that do not match (added to one open+close)',
      title: `${policiesText(count)} on security_file_open`,
      unit: 'instructions',
      machine: 'counting',
      ...targetFor(count, prefixTarget),
      ...tetragonWith(count),
      measure: (bench) =>
        bench.addedBy(
          policySet(count, (index) => fileOpenSpec('Prefix', otherFolder(index))),
          'open+close',
        ),
    }),
  ),
  ...curveCounts.map(
    (count): Row => ({
      id: spreadId(count),
      family: 'policies that do not match (added to one open+close)',
      title: `${policiesText(count)} over ${hooks.length} hooks`,
      unit: 'instructions',
      machine: 'counting',
      ...targetFor(count, spreadTarget),
      measure: (bench) =>
        bench.addedBy(
          policySet(count, (index) => hooks[index % hooks.length]!(otherFolder(index))),
          'open+close',
        ),
    }),
  ),
];
