import { buildPolicy } from './build-policy.ts';
import { canonicalise } from './canonicalise.ts';
import type { Diagnostic } from './diagnostic.ts';
import { compareDiagnostics, type Finding, type Report, reportInto, toDiagnostic } from './finding.ts';
import type { Policy } from './model.ts';
import { parsePolicies } from './parse.ts';
import { viewPolicy } from './policy-view.ts';
import { allRules } from './rules/all-rules.ts';
import { policyKinds } from './schema.ts';
import { type SourceDocument, type SourceMap, textOf } from './source.ts';
import { nearest } from './suggest.ts';
import { validateSchema } from './validate-schema.ts';

export interface CheckResult {
  /** One for each document without errors, in the order of the file. */
  readonly policies: Policy[];
  /** All of the file, sorted by position. */
  readonly diagnostics: Diagnostic[];
}

/** Reads and checks every policy of a file. Never throws: a document gives either a policy or at least one error. */
export function checkPolicies(text: string, file: string): CheckResult {
  const { documents, diagnostics } = parsePolicies(text, file);
  const policies: Policy[] = [];
  for (const document of documents) {
    const { policy, findings } = checkDocument(document);
    if (policy !== undefined) policies.push(policy);
    diagnostics.push(...findings.map((finding) => toDiagnostic(file, finding)));
  }
  return { policies, diagnostics: sortDiagnostics(diagnostics) };
}

/** By position. A part that several aliases repeat is reported once. */
function sortDiagnostics(diagnostics: Diagnostic[]): Diagnostic[] {
  const sorted = diagnostics.sort(compareDiagnostics);
  return sorted.filter((found, index) => index === 0 || compareDiagnostics(found, sorted[index - 1]!) !== 0);
}

/** Two policies of one name and namespace cannot be told apart in events; the later one gets the error. */
export function checkDuplicates(policies: readonly Policy[]): Diagnostic[] {
  const seen = new Map<string, Policy>();
  const diagnostics: Diagnostic[] = [];
  for (const policy of policies) {
    const key = `${policy.namespace ?? ''}/${policy.name}`;
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, policy);
      continue;
    }
    const message = `The policy ${JSON.stringify(policy.name)} is defined already in ${first.file}:${first.position.line}`;
    const hint = 'Give one of the two another name.';
    const finding = { severity: 'error', code: 'duplicate-policy', message, hint, position: policy.position } as const;
    diagnostics.push(toDiagnostic(policy.file, finding));
  }
  return diagnostics.sort(compareDiagnostics);
}

function checkDocument(document: SourceDocument): { policy: Policy | undefined; findings: Finding[] } {
  const findings: Finding[] = [];
  const report = reportInto(findings);
  const root = canonicalise(document.root, report);
  if (reportOtherKind(root, report)) return { policy: undefined, findings };
  validateSchema(root, report);
  const view = viewPolicy(root);
  for (const rule of allRules) rule(view, report);
  const failed = document.hasErrors || findings.some((finding) => finding.severity === 'error');
  return { policy: failed ? undefined : buildPolicy(document.file, view), findings };
}

/** For a document that is no policy at all (a Service in the same file) every other error would be noise. */
function reportOtherKind(root: SourceMap, report: Report): boolean {
  const kind = textOf(root, 'kind');
  if (kind === undefined || nearest(kind.text, policyKinds) !== undefined) return false;
  const message = `A document of kind ${JSON.stringify(kind.text)} is not a policy`;
  report.error(kind.position, 'unknown-kind', message, 'Policies are of kind TracingPolicy.');
  return true;
}
