import { parseArgs } from 'node:util';
import { collectFacts } from '../../kernel/facts.ts';
import { InputError, UsageError } from '../errors.ts';
import { readPolicies, showDiagnostics } from '../policies/read-policies.ts';
import { printFacts } from './print-facts.ts';
import { type FactsSelection, selectFacts, selectionFor } from './select-facts.ts';

export const factsUsage = `Usage: jatai facts [options] > kernel.json

Writes what is known of the running kernel as JSON: its features, functions, tracepoints and system calls. With
such a file, policies are checked and explained anywhere: jatai policy explain FILE --facts kernel.json

  --for FILE|DIR        keep only what these policies refer to; may be given several times
  --functions A,B       keep these functions
  --tracepoints S/E,... keep these tracepoints, as subsystem/event

Without options everything is kept, some megabytes. Run as root: what works is found out by trying it.

Examples:
  jatai facts > kernel.json
  jatai facts --for tracing-policies > small.json
  jatai facts --functions security_file_open,bpf_lsm_file_open --tracepoints sched/sched_switch
`;

/** `jatai facts`: returns the exit status. */
export async function factsCommand(args: string[]): Promise<number> {
  const selection = parseSelection(args);
  const facts = collectFacts();
  process.stdout.write(printFacts(selection === undefined ? facts : selectFacts(facts, selection)));
  if (process.getuid?.() !== 0) {
    process.stderr.write(
      'jatai: not root: what this kernel can do is presumed, not tried, and tracepoints may be missing\n',
    );
  }
  return 0;
}

function parseSelection(args: string[]): FactsSelection | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      for: { type: 'string', multiple: true },
      functions: { type: 'string', multiple: true },
      tracepoints: { type: 'string', multiple: true },
    },
  });
  if (values.for === undefined && positionals.length > 0) {
    throw new UsageError(`Unexpected argument "${positionals[0]}": policies are given with --for`);
  }
  if (values.for === undefined && values.functions === undefined && values.tracepoints === undefined) return undefined;
  const { policies, diagnostics, texts } = readPolicies([...(values.for ?? []), ...positionals]);
  if (showDiagnostics(diagnostics, texts)) throw new InputError('The policies of --for have errors');
  const selected = selectionFor(policies);
  return {
    functions: new Set([...selected.functions, ...names(values.functions)]),
    tracepoints: new Set([...selected.tracepoints, ...names(values.tracepoints)]),
    rawTracepoints: selected.rawTracepoints,
    syscalls: values.for === undefined ? undefined : selected.syscalls,
  };
}

function names(lists: readonly string[] | undefined): string[] {
  return (lists ?? []).flatMap((list) => list.split(',')).filter((name) => name !== '');
}
