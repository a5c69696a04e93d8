import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../kernel/make-folder.ts';
import { replaceFile } from '../kernel/replace-file.ts';

/** Where Tetragon's client looks for the address of an agent. */
export const defaultInfoFile = '/var/run/tetragon/tetragon-info.json';

/** What the file says to clients and support tools, under the names Tetragon uses. */
export interface AgentInfoFile {
  readonly server_address: string;
  readonly export_fname: string;
  readonly metrics_address: string;
  readonly btf_fname: string;
  /** Empty for what there is not here: these five belong to Tetragon's own tools. */
  readonly map_dir: string;
  readonly lib_dir: string;
  readonly gops_address: string;
  readonly gops_path: string;
  readonly bpftool_path: string;
  /** The longest message that clients should take, in bytes. */
  readonly max_recv_size: number;
  readonly pid: number;
}

/** Replaces the file at once. Throws the system's error. */
export function writeInfoFile(path: string, content: AgentInfoFile): void {
  makeFolder(dirname(path), 0o755);
  replaceFile(path, `${JSON.stringify(content)}\n`, 0o644);
}

/** The address in the file; undefined without a file that has one. */
export function readServerAddress(path: string): string | undefined {
  const address = readInfo(path)['server_address'];
  return typeof address === 'string' && address !== '' ? address : undefined;
}

/** Removes the file when it is still that of the process `pid`. */
export function removeInfoFile(path: string, pid: number): void {
  if (readInfo(path)['pid'] === pid) rmSync(path, { force: true });
}

function readInfo(path: string): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
