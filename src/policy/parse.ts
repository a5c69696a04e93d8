import { type Document, LineCounter, parseAllDocuments, type YAMLError } from 'yaml';
import { convertDocument } from './convert-yaml.ts';
import type { Diagnostic } from './diagnostic.ts';
import { type Finding, type Report, reportInto, toDiagnostic } from './finding.ts';
import type { Position } from './model.ts';
import type { DocumentSubject, SourceDocument } from './source.ts';

/** Bytes (as UTF-16 units) of one policy file: room for a hundred thousand values, parsed in about a second. */
export const maxPolicyLength = 8 * 1024 * 1024;

/** One broken bracket makes a row of follow-up errors: the first of a line, on the first few lines, say it all. */
const maxSyntaxErrors = 10;

const policySubject: DocumentSubject = {
  name: 'policy',
  hint: 'A policy starts with "apiVersion: cilium.io/v1alpha1" and "kind: TracingPolicy".',
};

/**
 * Reads the YAML documents of `text`. Documents with a syntax error are left out, those with a lesser error
 * (a duplicate key) are returned with `hasErrors` so that the rest of them is checked too. Never throws.
 */
export function parsePolicies(
  text: string,
  file: string,
  subject = policySubject,
): { documents: SourceDocument[]; diagnostics: Diagnostic[] } {
  const findings: Finding[] = [];
  const documents = parseDocuments(text, file, findings, subject);
  return { documents, diagnostics: findings.map((finding) => toDiagnostic(file, finding)) };
}

const fileStart: Position = { line: 1, column: 1 };

function parseDocuments(text: string, file: string, findings: Finding[], subject: DocumentSubject): SourceDocument[] {
  const report = reportInto(findings);
  if (text.length > maxPolicyLength) {
    const message = `The file is ${text.length} characters long; the bound is ${maxPolicyLength}`;
    report.error(fileStart, 'file-too-large', message, 'Split it into several files.');
    return [];
  }
  const lines = new LineCounter();
  // Uniqueness of keys is checked by the conversion: the library compares every pair of keys.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'silent' } as const;
  const parsed = parseAllDocuments(withoutByteOrderMark(text), options) as Document.Parsed[];
  const filled = parsed.filter((document) => document.errors.length > 0 || !isEmptyDocument(document));
  if (filled.length === 0) {
    report.error(fileStart, 'empty-file', `The file holds no ${subject.name}`, subject.hint);
  }
  const documents: SourceDocument[] = [];
  for (const document of filled) {
    const before = countErrors(findings);
    if (!reportYamlErrors(document, lines, report)) continue;
    const root = convertDocument(document, lines, report, subject);
    if (root === undefined) continue;
    documents.push({ file, root, hasErrors: countErrors(findings) > before });
  }
  return documents;
}

/** Offsets of the parser count the mark, columns of an editor do not. */
function withoutByteOrderMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** Nothing between two `---`, or only comments. An explicit `null` counts as empty too, as it does for kubectl. */
function isEmptyDocument(document: Document.Parsed): boolean {
  const contents = document.contents as { value?: unknown; items?: unknown } | null;
  return contents === null || (contents.items === undefined && contents.value === null);
}

/** False when the document cannot be used at all. */
function reportYamlErrors(document: Document.Parsed, lines: LineCounter, report: Report): boolean {
  for (const warning of document.warnings) {
    const hint = 'Policies use plain YAML values without tags.';
    report.error(positionAt(lines, warning.pos[0]), 'yaml-tag', warning.message, hint);
  }
  for (const error of leadingErrors(document.errors, lines)) {
    report.error(positionAt(lines, error.pos[0]), 'yaml-syntax', error.message, syntaxHint(error.code));
  }
  return document.errors.length === 0;
}

/** A tab is the cause of whatever else is wrong on its line. */
function leadingErrors(errors: readonly YAMLError[], lines: LineCounter): YAMLError[] {
  const byLine = new Map<number, YAMLError>();
  for (const error of errors) {
    const { line } = lines.linePos(error.pos[0]);
    if (!byLine.has(line) || error.code === 'TAB_AS_INDENT') byLine.set(line, error);
    if (byLine.size === maxSyntaxErrors) break;
  }
  return [...byLine.values()];
}

function syntaxHint(code: string): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'Indent with spaces.';
    case 'BAD_INDENT':
      return 'Align the line with the others of its list or map.';
    case 'MISSING_CHAR':
      return 'A quote or bracket is left open, or a ":" is missing.';
    case 'MULTILINE_IMPLICIT_KEY':
      return 'A ":" is missing on this line, or the line is not indented enough.';
    case 'RESOURCE_EXHAUSTION':
      return 'The document is nested too deeply.';
    default:
      return '';
  }
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function countErrors(findings: readonly Finding[]): number {
  let count = 0;
  for (const finding of findings) if (finding.severity === 'error') count++;
  return count;
}
