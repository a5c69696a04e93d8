import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkDuplicates, checkPolicies } from '../policy/check.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';

export interface PolicyFiles {
  /** Of all files without errors of their own. */
  readonly policies: readonly Policy[];
  readonly diagnostics: readonly Diagnostic[];
  /** Paths that could not be read, with the system's reason. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

interface CachedFile {
  readonly text: string;
  readonly policies: readonly Policy[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads policies from files and directories (`*.yaml` and `*.yml`, one level). Reading again gives the same objects
 * for files that did not change, so that their programs stay as they are.
 */
export class PolicyLoader {
  readonly #paths: readonly string[];
  #files = new Map<string, CachedFile>();

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  load(): PolicyFiles {
    const files = new Map<string, CachedFile>();
    const unreadable: { path: string; reason: string }[] = [];
    for (const path of this.#paths) {
      try {
        for (const file of policyFilesIn(path)) files.set(file, this.#read(file));
      } catch (error) {
        unreadable.push({ path, reason: (error as Error).message });
      }
    }
    this.#files = files;
    const policies = [...files.values()].flatMap((file) => file.policies);
    const duplicates = checkDuplicates(policies);
    const diagnostics = [...files.values()].flatMap((file) => file.diagnostics);
    return {
      policies: withoutDuplicates(policies, duplicates),
      diagnostics: [...diagnostics, ...duplicates],
      unreadable,
    };
  }

  /** A line of a file as it was when it was last loaded; empty when there is none. */
  sourceText(file: string, line: number): string {
    return this.#files.get(file)?.text.split('\n')[line - 1] ?? '';
  }

  /** Text of every file of the last load, by path: for printing diagnostics. */
  get texts(): ReadonlyMap<string, string> {
    return new Map([...this.#files].map(([file, { text }]) => [file, text]));
  }

  #read(file: string): CachedFile {
    const text = readFileSync(file, 'utf8');
    const known = this.#files.get(file);
    return known?.text === text ? known : { text, ...checkPolicies(text, file) };
  }
}

/** The file itself, or the policies of a directory by name. Throws the system's error. */
export function policyFilesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

function withoutDuplicates(policies: readonly Policy[], duplicates: readonly Diagnostic[]): Policy[] {
  return policies.filter(
    ({ file, position }) => !duplicates.some((found) => found.file === file && found.line === position.line),
  );
}
