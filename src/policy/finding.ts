import type { Diagnostic } from './diagnostic.ts';
import type { Position } from './model.ts';

/** A diagnostic before it is known which file it belongs to. */
export interface Finding {
  readonly severity: Diagnostic['severity'];
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly position: Position;
}

/** Collects findings; `hint` may be left out when the message says it all. */
export interface Report {
  error(position: Position, code: string, message: string, hint?: string): void;
  warning(position: Position, code: string, message: string, hint?: string): void;
}

/** A report that appends to `findings`. */
export function reportInto(findings: Finding[]): Report {
  return {
    error: (position, code, message, hint = '') => {
      findings.push({ severity: 'error', code, message, hint, position });
    },
    warning: (position, code, message, hint = '') => {
      findings.push({ severity: 'warning', code, message, hint, position });
    },
  };
}

export function toDiagnostic(file: string, finding: Finding): Diagnostic {
  const { severity, code, message, hint, position } = finding;
  return { file, line: position.line, column: position.column, severity, code, message, hint };
}

/** By place in the file, errors before warnings on the same spot. */
export function compareDiagnostics(left: Diagnostic, right: Diagnostic): number {
  return (
    compareText(left.file, right.file) ||
    left.line - right.line ||
    left.column - right.column ||
    compareText(left.severity, right.severity) ||
    compareText(left.code, right.code) ||
    compareText(left.message, right.message)
  );
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
