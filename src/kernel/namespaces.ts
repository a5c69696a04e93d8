import { existsSync, readdirSync, readlinkSync } from 'node:fs';

/** Namespaces by the names of their links in /proc, and their inode numbers: `mnt` -> 4026531841, `pid_for_children`, ... */
export type Namespaces = Readonly<Record<string, number>>;

/** Namespaces of a process; undefined when it is gone or may not be looked at. */
export function readNamespaces(processFolder: string): Namespaces | undefined {
  try {
    const folder = `${processFolder}/ns`;
    return Object.fromEntries(readdirSync(folder).map((name) => [name, inodeOf(readlinkSync(`${folder}/${name}`))]));
  } catch {
    return undefined;
  }
}

/**
 * Namespaces of pid 1. Where pid 1 may not be looked at (hardened machines, containers with a shared pid namespace), those
 * of this process stand in for it: an agent runs in the host's namespaces.
 */
export function hostNamespaces(procfs = '/proc'): Namespaces {
  return (
    readNamespaces(`${procfs}/1`) ?? (existsSync(`${procfs}/self`) ? readNamespaces(`${procfs}/self`) : undefined) ?? {}
  );
}

/** `mnt:[4026531841]`. */
function inodeOf(link: string): number {
  return Number(/\[(\d+)\]/.exec(link)?.[1] ?? 0);
}
