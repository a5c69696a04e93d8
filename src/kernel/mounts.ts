import { closeSync, mkdirSync, readFileSync } from 'node:fs';
import { KernelError } from './kernel-error.ts';
import { lastErrno, mount, syscallFsconfig, syscallFsmount, syscallFsopen } from './libc.ts';

/** A file system the kernel offers, and where tools expect it. */
export interface KernelFileSystem {
  readonly type: string;
  readonly path: string;
}

export const TRACEFS: KernelFileSystem = { type: 'tracefs', path: '/sys/kernel/tracing' };
export const BPFFS: KernelFileSystem = { type: 'bpf', path: '/sys/fs/bpf' };
export const SECURITYFS: KernelFileSystem = { type: 'securityfs', path: '/sys/kernel/security' };
export const DEBUGFS: KernelFileSystem = { type: 'debugfs', path: '/sys/kernel/debug' };

export interface Mount {
  readonly path: string;
  readonly type: string;
}

/** The mounts of this process's mount namespace. */
export function readMounts(path = '/proc/self/mountinfo'): Mount[] {
  return readFileSync(path, 'utf8').split('\n').filter(Boolean).map(parseMount);
}

/** `36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda rw`: any number of optional fields before the dash. */
function parseMount(line: string): Mount {
  const [left = '', right = ''] = line.split(' - ');
  return { path: unescapeOctal(left.split(' ')[4] ?? ''), type: right.split(' ')[0] ?? '' };
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Where a file system of this type is mounted, or undefined. */
export function findMount(type: string): string | undefined {
  return readMounts().find((mounted) => mounted.type === type)?.path;
}

/** Mounts the file system at its usual place unless something of the type is mounted there. Throws a KernelError. */
export function ensureMounted(fileSystem: KernelFileSystem): string {
  const { type, path } = fileSystem;
  if (readMounts().some((mounted) => mounted.type === type && mounted.path === path)) {
    return path;
  }
  makeFolder(path);
  if (mount(type, path, type, 0, null) < 0) {
    throw new KernelError({
      call: `mount ${type} at ${path}`,
      errno: lastErrno(),
      hint: `mount it by hand (mount -t ${type} ${type} ${path}), with CAP_SYS_ADMIN; a container must get it from its host`,
    });
  }
  return path;
}

/** Folders of sysfs are there when the kernel has the file system and cannot be made: mount(2) then says ENOENT. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch {
    // Reported by mount.
  }
}

export function mountTracefs(): string {
  return ensureMounted(TRACEFS);
}

export function mountBpffs(): string {
  return ensureMounted(BPFFS);
}

/** The same numbers on every architecture; Linux 5.2. */
const SYSCALL_FSOPEN = 430;
const SYSCALL_FSCONFIG = 431;
const SYSCALL_FSMOUNT = 432;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;

/**
 * Reads a file of a kernel file system whether or not it is mounted: through its mount, else through a mount that is attached
 * nowhere and that nobody else sees. Undefined when the file system or the file is not there or not allowed.
 */
export function readKernelFile(fileSystem: KernelFileSystem, file: string): string | undefined {
  const mounted = findMount(fileSystem.type);
  if (mounted !== undefined) {
    return readText(`${mounted}/${file}`);
  }
  const fd = openDetached(fileSystem.type);
  if (fd < 0) {
    return undefined;
  }
  try {
    return readText(`/proc/self/fd/${fd}/${file}`);
  } finally {
    closeSync(fd);
  }
}

/** A descriptor of the root of a new mount that is attached nowhere, or -1. */
function openDetached(type: string): number {
  const context = syscallFsopen(SYSCALL_FSOPEN, type, FSOPEN_CLOEXEC);
  if (context < 0) {
    return -1;
  }
  try {
    const created = syscallFsconfig(SYSCALL_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0);
    return created < 0 ? -1 : syscallFsmount(SYSCALL_FSMOUNT, context, FSMOUNT_CLOEXEC, 0);
  } finally {
    closeSync(context);
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
