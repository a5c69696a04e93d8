import type { Diagnostic } from './diagnostic.ts';

/** Columns of a source line that are shown around a position. */
const maxShownColumns = 120;

/**
 * Diagnostics as text for people, each with its source line, a caret and a hint:
 *
 *     policy.yaml:12:9: error: Unknown operator "Equals"
 *       - operator: Equals
 *                   ^
 *       hint: Did you mean "Equal"?
 *
 * `sources` holds the text of each file by name; a file that is not there is shown without source lines.
 * Returns '' without diagnostics, else text that ends in a newline.
 */
export function printDiagnostics(diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string>): string {
  const lines = new Map([...sources].map(([file, text]) => [file, text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)]));
  return diagnostics.map((diagnostic) => printDiagnostic(diagnostic, lines.get(diagnostic.file) ?? [])).join('');
}

/** The same as a JSON array of {file, line, column, severity, code, message, hint}, one diagnostic on a line. */
export function printDiagnosticsJson(diagnostics: readonly Diagnostic[]): string {
  if (diagnostics.length === 0) return '[]\n';
  const rows = diagnostics.map(({ file, line, column, severity, code, message, hint }) =>
    JSON.stringify({ file, line, column, severity, code, message, hint }),
  );
  return `[\n${rows.join(',\n')}\n]\n`;
}

function printDiagnostic(diagnostic: Diagnostic, lines: readonly string[]): string {
  const { file, line, column, severity, message, hint } = diagnostic;
  const printed = [`${file}:${line}:${column}: ${severity}: ${printable(message)}`];
  const source = lines[line - 1];
  if (source !== undefined) printed.push(...printSource(source, column));
  if (hint !== '') printed.push(`  hint: ${printable(hint)}`);
  return `${printed.join('\n')}\n`;
}

function printSource(source: string, column: number): string[] {
  const start = Math.max(0, column - 1 - maxShownColumns / 2);
  const shown = start === 0 && source.length <= maxShownColumns ? source : source.slice(start, start + maxShownColumns);
  const before = shown.slice(0, column - 1 - start).padEnd(column - 1 - start);
  // Tabs stay tabs, so that the caret stands below its column in any terminal.
  return [`  ${printable(shown).trimEnd()}`, `  ${before.replaceAll(/[^\t]/g, ' ')}^`];
}

/** A policy must not write to the terminal what it likes. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g, '\uFFFD');
}
