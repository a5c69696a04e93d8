import type { PolicyFiles, PolicyLoader } from '../../agent/policy-files.ts';
import type { ApplyResult } from '../../agent/policy-manager.ts';
import type { PolicyRegistry } from '../../agent/policy-registry.ts';
import type { Diagnostic } from '../../policy/diagnostic.ts';
import { printDiagnostics } from '../../policy/print-diagnostic.ts';

/** The policies on disk, made active in an agent; tells on standard error what became of them. */
export class ActivePolicies {
  readonly #registry: PolicyRegistry;
  readonly #loader: PolicyLoader;
  #line = '';

  constructor(registry: PolicyRegistry, loader: PolicyLoader) {
    this.#registry = registry;
    this.#loader = loader;
  }

  /** What came of the last load: `ready: 3 policies, 4 hooks, 0 refused`. */
  get line(): string {
    return this.#line;
  }

  /** Loads the policies as they are on disk now. Returns whether all of them are active as asked. */
  load(word: string): boolean {
    return this.#apply(this.#loader.load(), word);
  }

  /** The same, unless the files are as they were. */
  loadChanges(word: string): void {
    const files = this.#loader.load();
    if (files.changed) this.#apply(files, word);
  }

  #apply(files: PolicyFiles, word: string): boolean {
    const result = this.#registry.setFiles(files.policies);
    const errors = files.diagnostics.filter(({ severity }) => severity === 'error').length + files.unreadable.length;
    this.#line = readyLine(word, result, errors);
    this.#tell(files, result);
    return errors === 0 && result.refused.length === 0 && result.degraded.length === 0;
  }

  #tell(files: PolicyFiles, result: ApplyResult): void {
    const { texts } = this.#loader;
    const lines = files.unreadable.map(({ path, reason }) => `${path}: error: ${reason}\n`);
    lines.push(printDiagnostics([...files.diagnostics, ...joinEqual(result.degraded)], texts));
    for (const file of files.kept) lines.push(`${file}: its policies stay as they were before the mistake\n`);
    for (const { policy, diagnostics } of result.refused) {
      lines.push(`refused ${result.loaded.includes(policy) ? 'in part' : 'whole'}: policy ${policy.name}\n`);
      lines.push(printDiagnostics(diagnostics, texts));
    }
    process.stderr.write(`${lines.join('')}${this.#line}\n`);
  }
}

/** What is true of several hooks in the same words is said once. */
function joinEqual(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...Map.groupBy(diagnostics, ({ code, message }) => `${code} ${message}`).values()].map((equal) => {
    const first = equal[0]!;
    const others = equal.length - 1;
    if (others === 0) return first;
    return { ...first, message: `${first.message} (so at ${others} more hook${others === 1 ? '' : 's'})` };
  });
}

function readyLine(word: string, result: ApplyResult, errors: number): string {
  const refusals = result.refused.reduce((sum, { diagnostics }) => sum + diagnostics.length, errors);
  return `${word}: ${result.loaded.length} policies, ${result.hookCount} hooks, ${refusals} refused`;
}
