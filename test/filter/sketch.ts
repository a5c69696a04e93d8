import { checkPolicies } from '../../src/policy/check.ts';
import type { HookSpec, Policy } from '../../src/policy/model.ts';
import { printDiagnostics } from '../../src/policy/print-diagnostic.ts';

/** All policies of one plan before they are text: plain data that can be shrunk piece by piece. */
export interface PlanSketch {
  readonly policies: readonly PolicySketch[];
  /** Inode numbers that `host_ns` stands for. */
  readonly hostNamespaces: Readonly<Record<string, number>>;
}

export interface PolicySketch {
  readonly name: string;
  readonly mode: 'enforce' | 'monitor';
  /** All on the same raw tracepoint. */
  readonly hooks: readonly HookSketch[];
}

export interface HookSketch {
  readonly args: readonly ArgumentSketch[];
  readonly selectors: readonly SelectorSketch[];
}

export interface ArgumentSketch {
  readonly index: number;
  readonly type: string;
}

export interface SelectorSketch {
  readonly filters: readonly FilterSketch[];
  readonly noPost: boolean;
  /** Negative errno. The language has no Override at tracepoints: it is added to the checked model. */
  readonly override: number | undefined;
}

export type FilterList = 'matchArgs' | 'matchPIDs' | 'matchBinaries' | 'matchNamespaces' | 'matchCapabilities';

export interface FilterSketch {
  readonly list: FilterList;
  readonly fields: FilterFields;
}

/** One entry of the list, as the policy language has it. */
export interface FilterFields {
  readonly operator: string;
  readonly values: readonly (string | number)[];
  /** Of the argument, in `matchArgs`. */
  readonly index?: number;
  readonly namespace?: string;
  readonly type?: string;
  readonly isNamespacePID?: boolean;
  readonly isNamespaceCapability?: boolean;
}

export const hookTarget = { subsystem: 'sched', event: 'sched_process_exec' } as const;
const file = 'random.yaml';

/** The policies as the engine reads them from text. Throws with all diagnostics when one is refused. */
export function parseSketch(sketch: PlanSketch): Policy[] {
  const text = printSketch(sketch);
  const { policies, diagnostics } = checkPolicies(text, file);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new Error(`the test made a wrong policy:\n${printDiagnostics(errors, new Map([[file, text]]))}`);
  return policies.map((policy, position) => ({
    ...policy,
    hooks: policy.hooks.map((hook, index) => addOverrides(hook, sketch.policies[position]!.hooks[index]!)),
  }));
}

function addOverrides(hook: HookSpec, sketch: HookSketch): HookSpec {
  return {
    ...hook,
    selectors: hook.selectors.map((selector, index) => {
      const error = sketch.selectors[index]!.override;
      if (error === undefined) return selector;
      return { ...selector, actions: [...selector.actions, { kind: 'Override', error, position: selector.position }] };
    }),
  };
}

/** YAML, one document for each policy, one line for each filter; overrides are comments. */
export function printSketch(sketch: PlanSketch): string {
  return sketch.policies.map(printPolicy).join('---\n');
}

function printPolicy({ name, mode, hooks }: PolicySketch): string {
  const lines = [
    'apiVersion: cilium.io/v1alpha1',
    'kind: TracingPolicy',
    'metadata:',
    `  name: ${name}`,
    'spec:',
    `  options: [{ name: policy-mode, value: ${mode} }]`,
    '  tracepoints:',
    ...hooks.flatMap(printHook),
  ];
  return `${lines.join('\n')}\n`;
}

function printHook({ args, selectors }: HookSketch): string[] {
  const lines = [`  - subsystem: ${hookTarget.subsystem}`, `    event: ${hookTarget.event}`, '    raw: true'];
  if (args.length > 0) lines.push('    args:', ...args.map((argument) => `    - ${JSON.stringify(argument)}`));
  if (selectors.length > 0) lines.push('    selectors:', ...selectors.flatMap(printSelector));
  return lines;
}

function printSelector({ filters, noPost, override }: SelectorSketch, index: number): string[] {
  const lines = [`    - label: "${index}"`];
  for (const list of new Set(filters.map((filter) => filter.list))) {
    lines.push(`      ${list}:`);
    for (const filter of filters) if (filter.list === list) lines.push(`      - ${JSON.stringify(filter.fields)}`);
  }
  if (noPost) lines.push('      matchActions: [{ action: NoPost }]');
  if (override !== undefined) lines.push(`      # Override ${override}`);
  return lines;
}
