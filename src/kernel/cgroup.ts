import { statSync } from 'node:fs';
import { findMount } from './mounts.ts';

/**
 * The id of the container a cgroup belongs to: 64 hexadecimal digits, from the innermost part of the path that has them.
 * Known forms: `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope` (systemd driver) and a bare
 * `ID` (cgroupfs driver). Sub-groups a container makes below are part of it; conmon's own scope (`crio-conmon-ID.scope`) is not.
 */
export function containerIdOf(cgroupPath: string): string | undefined {
  for (const part of cgroupPath.split('/').reverse()) {
    const match = CONTAINER_PART.exec(part);
    if (match && !match[1]?.endsWith('conmon-')) {
      return match[2];
    }
  }
  return undefined;
}

const CONTAINER_PART = /^(?:.*:)?([a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope|\.service)?$/;

/**
 * The cgroup v2 path in the text of `/proc/PID/cgroup`; on a machine with only v1, the path in the `memory` or `pids`
 * hierarchy, which every container runtime sets. `/` when there is none.
 */
export function cgroupPathOf(text: string): string {
  const entries = text
    .split('\n')
    .map((line) => /^(\d+):([^:]*):(.*)$/.exec(line))
    .filter((entry) => entry !== null);
  const unified = entries.find((entry) => entry[1] === '0')?.[3];
  if (unified !== undefined && unified !== '/') {
    return unified;
  }
  const legacy = entries.find((entry) => /(^|,)(memory|pids)(,|$)/.test(entry[2]!))?.[3];
  return legacy ?? unified ?? '/';
}

/** Where cgroup v2 is mounted (alone, or beside v1), or undefined. */
export function cgroupRoot(): string | undefined {
  return findMount('cgroup2');
}

/** What `bpf_get_current_cgroup_id` gives for a path below `root`: the inode number of its directory; undefined when it is gone. */
export function cgroupIdOf(root: string, cgroupPath: string): number | undefined {
  return statSync(root + cgroupPath, { throwIfNoEntry: false })?.ino;
}
