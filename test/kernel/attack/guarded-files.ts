import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tracingPolicy } from '../harness/policy-text.ts';

/** Files that nobody may open, and the names under which attackers try. */
export interface GuardedFiles {
  /** The folder whose content is forbidden. */
  readonly folder: string;
  readonly file: string;
  /** All of them lead to forbidden content. */
  readonly attackPaths: readonly string[];
}

/**
 * Makes a folder with forbidden files in `parent`: one that is named by its path, and others below the folder, one of them
 * a hard link. Attackers also come by a symbolic link and through /proc.
 */
export function makeGuardedFiles(parent: string): GuardedFiles {
  const folder = path.join(parent, 'guarded');
  const file = path.join(parent, 'secret');
  const inner = path.join(folder, 'inner');
  const hardLink = path.join(folder, 'hard-link');
  const symbolicLink = path.join(parent, 'symbolic-link');
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, 'secret');
  writeFileSync(inner, 'secret');
  linkSync(inner, hardLink);
  symlinkSync(file, symbolicLink);
  return { folder, file, attackPaths: [file, inner, symbolicLink, hardLink, `/proc/self/root${inner}`] };
}

/** Refuses to open the guarded files. Without `withEvents` the events of it would fill the ring. */
export function guardPolicy(name: string, { file, folder }: GuardedFiles, withEvents: boolean): string {
  const actions = `matchActions: [{action: Override, argError: -1}${withEvents ? '' : ', {action: NoPost}'}]`;
  return tracingPolicy(
    name,
    `lsmhooks:
- hook: file_open
  args:
  - {index: 0, type: file}
  selectors:
  - matchArgs:
    - {index: 0, operator: Equal, values: ["${file}"]}
    ${actions}
  - matchArgs:
    - {index: 0, operator: Prefix, values: ["${folder}/"]}
    ${actions}`,
  );
}

/** Another policy on the hook that enforces. */
export function neighbourPolicy(name: string, prefix: string, mode: 'enforce' | 'monitor'): string {
  return tracingPolicy(
    name,
    `options:
- {name: policy-mode, value: ${mode}}
lsmhooks:
- hook: file_open
  args:
  - {index: 0, type: file}
  selectors:
  - matchArgs:
    - {index: 0, operator: Prefix, values: ["${prefix}"]}
    matchActions: [{action: Override, argError: -13}]`,
  );
}

/** A policy on a hook of its own, which comes and goes with it. */
export function elsewherePolicy(name: string): string {
  return tracingPolicy(
    name,
    `kprobes:
- call: sys_chdir
  syscall: true
  args:
  - {index: 0, type: string}
  selectors:
  - matchArgs:
    - {index: 0, operator: Prefix, values: ["/no/such/${name}"]}`,
  );
}
