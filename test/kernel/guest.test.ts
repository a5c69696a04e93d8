import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { repositoryRoot } from '../vm/repository-root.ts';
import { runInVm } from '../vm/run-in-vm.ts';

// What every other kernel test takes for granted about its guest.

const report = `
uname -r
node -p process.version
pwd
cat /sys/kernel/security/lsm; echo
stat -f -c %T /sys/fs/bpf /sys/fs/cgroup /sys/kernel/tracing
test -s /sys/kernel/btf/vmlinux && echo btf
echo to standard error > /dev/stderr
echo kept > /run/jatai-out/file
exit 7`;

describe.each(['5.10', '6.1', '6.12', '7'])('guest with kernel %s', (kernel) => {
  test('has our files, our Node, BPF LSM, BTF, and passes on output and status', async () => {
    const outDir = mkdtempSync(path.join(tmpdir(), 'guest-test-'));
    try {
      const { status, stdout, stderr, failure } = await runInVm({ kernel, command: report, outDir, timeoutSec: 120 });
      expect(failure).toBeUndefined();
      const [release, node, folder, lsm, ...rest] = stdout.trimEnd().split('\n');
      expect(`${release}`.startsWith(`${kernel}.`)).toBe(true);
      expect(node).toBe(process.version);
      expect(folder).toBe(repositoryRoot);
      expect(lsm?.split(',')).toContain('bpf');
      expect(rest).toEqual(['bpf_fs', 'cgroup2fs', 'tracefs', 'btf']);
      expect(stderr).toBe('to standard error\n');
      expect(status).toBe(7);
      expect(readFileSync(path.join(outDir, 'file'), 'utf8')).toBe('kept\n');
    } finally {
      rmSync(outDir, { recursive: true });
    }
  });
});

test('a large output comes complete, although a process left running holds the pipe open', async () => {
  const command = 'sleep 1000 & head -c 6000000 /dev/zero | tr "\\0" x; head -c 3000000 /dev/zero | tr "\\0" y >&2';
  const { status, stdout, stderr } = await runInVm({ kernel: '6.12', command, timeoutSec: 120 });
  expect(status).toBe(0);
  expect(stdout === 'x'.repeat(6_000_000)).toBe(true);
  expect(stderr === 'y'.repeat(3_000_000)).toBe(true);
});

test('a kernel panic is a failure with its reason', async () => {
  const command = 'echo before; echo c > /proc/sysrq-trigger';
  const result = await runInVm({ kernel: '6.12', command, timeoutSec: 120 });
  expect(result.stdout).toBe('before\n');
  expect(result.status).toBe(125);
  expect(result.failure).toContain('sysrq triggered crash');
  expect(result.console).toContain('Kernel panic');
});

test('a guest that takes too long is ended', async () => {
  const result = await runInVm({ kernel: '6.12', command: ['sleep', '1000'], timeoutSec: 12 });
  expect(result.status).toBe(124);
  expect(result.failure).toContain('12 s');
});
