import { describe, expect, test } from 'vitest';
import { cgroupIdOf, cgroupPathOf, cgroupRoot, containerIdOf } from './cgroup.ts';

const ID = '0123456789abcdef'.repeat(4);

describe('containerIdOf', () => {
  test.each([
    ['docker, systemd', `/system.slice/docker-${ID}.scope`],
    ['docker, cgroupfs', `/docker/${ID}`],
    ['containerd', `/kubepods.slice/kubepods-burstable.slice/kubepods-pod1.slice/cri-containerd-${ID}.scope`],
    ['containerd, cgroupfs', `/kubepods/besteffort/pod1/${ID}`],
    ['containerd, prefix', `/system.slice/kubepods-pod1.slice:cri-containerd:${ID}`],
    ['cri-o', `/kubepods.slice/crio-${ID}.scope/container`],
    ['podman', `/machine.slice/libpod-${ID}.scope`],
    ['a group inside', `/system.slice/docker-${ID}.scope/init.scope`],
  ])('%s', (_name, path) => {
    expect(containerIdOf(path)).toBe(ID);
  });

  test.each([
    '/',
    '/user.slice/user-0.slice',
    `/machine.slice/crio-conmon-${ID}.scope`,
    `/docker/${ID}0`,
    `/${ID.slice(1)}`,
  ])('none in %s', (path) => {
    expect(containerIdOf(path)).toBeUndefined();
  });
});

test('cgroupPathOf takes v2, or the hierarchies runtimes set on v1', () => {
  expect(cgroupPathOf('0::/user.slice\n')).toBe('/user.slice');
  expect(cgroupPathOf('12:memory:/docker/x\n2:cpu,cpuacct:/other\n0::/\n')).toBe('/docker/x');
  expect(cgroupPathOf('3:pids:/a\n1:name=systemd:/b\n')).toBe('/a');
  expect(cgroupPathOf('0::/\n')).toBe('/');
  expect(cgroupPathOf('')).toBe('/');
});

test('cgroupIdOf gives the number of an existing group only', () => {
  const root = cgroupRoot();
  if (!root) {
    console.warn('skipped: no cgroup2 mount');
    return;
  }
  expect(cgroupIdOf(root, '/')).toBeGreaterThan(0);
  expect(cgroupIdOf(root, '/no/such/group')).toBeUndefined();
});
