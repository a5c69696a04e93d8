import { statSync } from 'node:fs';
import { PolicyLoader } from '../../agent/policy-files.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import type { Policy } from '../../policy/model.ts';
import { printDiagnostics } from '../../policy/print-diagnostic.ts';
import { UsageError } from '../errors.ts';

export interface ReadPolicies {
  /** Those without errors. */
  readonly policies: readonly Policy[];
  /** Of all files; a path that cannot be read is one too, at its first line. */
  readonly diagnostics: readonly Diagnostic[];
  /** Text of each file by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** A line of a file; empty when there is none. */
  readonly sourceText: (file: string, line: number) => string;
}

/** Reads and checks the policies of files, and of directories (`*.yaml` and `*.yml`, one level, by name). Touches no kernel. */
export function readPolicies(paths: readonly string[]): ReadPolicies {
  const loader = new PolicyLoader(paths);
  const { policies, diagnostics, unreadable } = loader.load();
  const { texts } = loader;
  const problems = [
    ...unreadable.map(({ path, reason }) => pathProblem(path, 'unreadable', withoutCall(reason), '')),
    ...emptyFolders(paths, texts).map((path) =>
      pathProblem(
        path,
        'no-policies',
        'The directory has no policies',
        'Policies are files that end in .yaml or .yml.',
      ),
    ),
  ];
  return { policies, diagnostics: [...problems, ...diagnostics], texts, sourceText: loader.sourceText.bind(loader) };
}

/** Paths of the command line, at least one. Throws a UsageError. */
export function requirePaths(positionals: readonly string[]): readonly string[] {
  if (positionals.length === 0) throw new UsageError('No policy given: name a file or a directory');
  return positionals;
}

/** Shows diagnostics on standard error. Returns whether an error is among them. */
export function showDiagnostics(diagnostics: readonly Diagnostic[], texts: ReadonlyMap<string, string>): boolean {
  process.stderr.write(printDiagnostics(diagnostics, texts));
  return diagnostics.some(({ severity }) => severity === 'error');
}

function pathProblem(file: string, code: string, message: string, hint: string): Diagnostic {
  return { file, line: 1, column: 1, severity: 'error', code, message, hint };
}

/** `ENOENT: no such file or directory, stat 'x'` without what the file and the reader know already. */
function withoutCall(reason: string): string {
  const words = /^[A-Z]+: (.*), \w+(?: '.*')?$/.exec(reason)?.[1] ?? reason;
  return `Cannot be read: ${words}`;
}

function emptyFolders(paths: readonly string[], texts: ReadonlyMap<string, string>): string[] {
  const files = [...texts.keys()];
  return paths.filter((path) => {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    return isFolder && !files.some((file) => file.startsWith(path.replace(/\/?$/, '/')));
  });
}
