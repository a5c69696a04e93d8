import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkDuplicates, checkPolicies } from '../policy/check.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import { inSpan } from '../tracing/spans.ts';

export interface PolicyFiles {
  /** Of all files without errors of their own. */
  readonly policies: readonly Policy[];
  readonly diagnostics: readonly Diagnostic[];
  /** Paths that could not be read, with the system's reason. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** Files whose present text is wrong or cannot be read, and whose earlier policies stay. */
  readonly kept: readonly string[];
  /** Whether any file differs from the load before, or one that could not be read is there no more. */
  readonly changed: boolean;
}

interface CachedFile {
  readonly text: string;
  readonly policies: readonly Policy[];
  readonly diagnostics: readonly Diagnostic[];
}

const isError = ({ severity }: Diagnostic) => severity === 'error';

/**
 * Reads policies from files and directories (`*.yaml` and `*.yml`, one level). Reading again gives the same objects
 * for files that did not change, so that their programs stay as they are. A file that was right once and is wrong now
 * keeps its policies: a slip of an editor takes no protection away. Only removing the file does.
 */
export class PolicyLoader {
  readonly #paths: readonly string[];
  #files = new Map<string, CachedFile>();
  /** By file, its policies when it was last without mistakes. */
  #correct = new Map<string, readonly Policy[]>();

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  load(): PolicyFiles {
    const unreadable: { path: string; reason: string }[] = [];
    const files = inSpan('policies.parse', () => this.#readAll(unreadable));
    const correct = new Map<string, readonly Policy[]>();
    const kept: string[] = [];
    const policies: Policy[] = [];
    for (const [file, read] of files) {
      const isWrong = read.diagnostics.some(isError);
      const earlier = isWrong ? this.#correct.get(file) : undefined;
      if (earlier !== undefined) kept.push(file);
      if (!isWrong || earlier !== undefined) correct.set(file, earlier ?? read.policies);
      policies.push(...(earlier ?? read.policies));
    }
    for (const [file, earlier] of this.#correct) {
      const isUnreadable = unreadable.some(({ path }) => file === path || file.startsWith(`${path}/`));
      if (correct.has(file) || !isUnreadable || !existsSync(file)) continue;
      kept.push(file);
      correct.set(file, earlier);
      policies.push(...earlier);
    }
    const changed =
      files.size !== this.#files.size ||
      correct.size !== this.#correct.size ||
      [...files].some(([file, read]) => this.#files.get(file) !== read);
    this.#files = files;
    this.#correct = correct;
    const duplicates = checkDuplicates(policies);
    return {
      policies: withoutDuplicates(policies, duplicates),
      diagnostics: [...[...files.values()].flatMap((file) => file.diagnostics), ...duplicates],
      unreadable,
      kept,
      changed,
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

  #readAll(unreadable: { path: string; reason: string }[]): Map<string, CachedFile> {
    const files = new Map<string, CachedFile>();
    const attempt = (path: string, action: () => void) => {
      try {
        action();
      } catch (error) {
        unreadable.push({ path, reason: (error as Error).message });
      }
    };
    for (const path of this.#paths) {
      attempt(path, () => {
        for (const file of policyFilesIn(path)) attempt(file, () => files.set(file, this.#read(file)));
      });
    }
    return files;
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
