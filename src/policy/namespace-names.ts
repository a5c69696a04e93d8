import type { NamespaceName } from './model.ts';

/** How a policy spells each namespace. */
export const namespaceNames: Readonly<Record<string, NamespaceName>> = {
  Uts: 'uts',
  Ipc: 'ipc',
  Mnt: 'mnt',
  Pid: 'pid',
  PidForChildren: 'pid_for_children',
  Net: 'net',
  Time: 'time',
  TimeForChildren: 'time_for_children',
  Cgroup: 'cgroup',
  User: 'user',
};

/** Stands for the namespace of pid 1 among the values of `matchNamespaces`. */
export const hostNamespace = 'host_ns';
