import { readAnnotations } from './annotations.ts';
import { binaryMatch } from './binary-match.ts';
import { capabilityNumber } from './capabilities.ts';
import { parseInteger } from './integer-text.ts';
import type {
  Action,
  ArgFilter,
  Argument,
  BinaryFilter,
  CapabilityFilter,
  HookSpec,
  NamespaceFilter,
  PidFilter,
  Policy,
  PolicyMode,
  Selector,
  StackKind,
} from './model.ts';
import { hostNamespace, namespaceNames } from './namespace-names.ts';
import type { ActionView, ArgumentView, FilterView, HookView, PolicyView, SelectorView } from './policy-view.ts';
import { flagOf, integerOf, integersOf, mapOf, mapsOf, type SourceMap, textOf, textsOf } from './source.ts';

/** The model of a policy in which no stage found an error. Throws when one was overlooked: that is our bug. */
export function buildPolicy(file: string, view: PolicyView): Policy {
  const metadata = required(view.metadata, 'metadata');
  const kind = required(view.kind, 'kind').text === 'TracingPolicy' ? 'TracingPolicy' : 'TracingPolicyNamespaced';
  const namespaced = kind === 'TracingPolicyNamespaced';
  return {
    file,
    kind,
    name: required(textOf(metadata, 'name'), 'name').text,
    namespace: namespaced ? (textOf(metadata, 'namespace')?.text ?? 'default') : undefined,
    mode: policyMode(view.spec),
    annotations: readAnnotations(metadata),
    hooks: view.hooks.map(buildHook),
    ...(view.loader === undefined ? {} : { loader: view.loader }),
    position: view.root.position,
  };
}

function required<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`the policy has no ${what} after it was checked`);
  return value;
}

function policyMode(spec: SourceMap | undefined): PolicyMode {
  const options = spec ? mapsOf(spec, 'options') : [];
  const mode = options.find((option) => textOf(option, 'name')?.text === 'policy-mode');
  return mode !== undefined && textOf(mode, 'value')?.text === 'monitor' ? 'monitor' : 'enforce';
}

function buildHook(view: HookView): HookSpec {
  const { node } = view;
  const ignore = mapOf(node, 'ignore');
  return {
    kind: view.kind,
    target: view.target,
    syscall: view.syscall,
    args: view.args.map(buildArgument),
    returnArg: view.returns && view.returnArg ? buildArgument(view.returnArg) : undefined,
    selectors: view.selectors.map(buildSelector),
    message: textOf(node, 'message')?.text ?? '',
    tags: textsOf(node, 'tags').map((tag) => tag.text),
    ignoreCallNotFound: ignore !== undefined && flagOf(ignore, 'callNotFound', false),
    position: node.position,
  };
}

function buildArgument(view: ArgumentView): Argument {
  return {
    index: view.index?.value ?? 0,
    type: required(view.type, 'argument type'),
    spelledType: view.spelledType,
    label: textOf(view.node, 'label')?.text ?? '',
    ...(view.type === 'char_buf' && { sizeIndex: required(view.sizeArgIndex, 'size of a buffer').value - 1 }),
    position: view.node.position,
  };
}

function buildSelector(view: SelectorView): Selector {
  const { node } = view;
  const actions = view.actions.map(buildAction);
  return {
    label: textOf(node, 'label')?.text ?? '',
    matchArgs: view.matchArgs.map((filter) => required(buildArgFilter(filter), 'filter')),
    matchReturnArgs: view.matchReturnArgs.map((filter) => required(buildArgFilter(filter), 'filter')),
    matchPIDs: mapsOf(node, 'matchPIDs').map(buildPidFilter),
    matchBinaries: mapsOf(node, 'matchBinaries').map(buildBinaryFilter),
    matchNamespaces: mapsOf(node, 'matchNamespaces').map(buildNamespaceFilter),
    matchCapabilities: mapsOf(node, 'matchCapabilities').map(buildCapabilityFilter),
    actions: actions.length === 0 ? [{ kind: 'Post', position: node.position }] : actions,
    position: node.position,
  };
}

/** The filter of the model, or undefined while its argument or operator is not understood. */
export function buildArgFilter(view: FilterView): ArgFilter | undefined {
  const { argument, operator, values, node } = view;
  if (argument === undefined || operator === undefined) return undefined;
  return { argument, operator, values, position: node.position };
}

function isNegated(filter: SourceMap): boolean {
  return required(textOf(filter, 'operator'), 'operator').text.startsWith('Not');
}

function buildPidFilter(filter: SourceMap): PidFilter {
  return {
    negate: isNegated(filter),
    values: integersOf(filter, 'values').map((pid) => pid.value),
    namespacePid: flagOf(filter, 'isNamespacePID', false),
    position: filter.position,
  };
}

function buildBinaryFilter(filter: SourceMap): BinaryFilter {
  return {
    match: binaryMatch(required(textOf(filter, 'operator'), 'operator').text),
    negate: isNegated(filter),
    values: textsOf(filter, 'values').map((path) => path.text),
    position: filter.position,
  };
}

function buildNamespaceFilter(filter: SourceMap): NamespaceFilter {
  return {
    namespace: required(namespaceNames[textOf(filter, 'namespace')?.text ?? ''], 'namespace'),
    negate: isNegated(filter),
    values: textsOf(filter, 'values').map((value) =>
      value.text === hostNamespace ? hostNamespace : inode(value.text),
    ),
    position: filter.position,
  };
}

function inode(text: string): number {
  return Number(required(parseInteger(text), 'inode number'));
}

const capabilitySets: Readonly<Record<string, CapabilityFilter['set']>> = {
  Effective: 'effective',
  Inheritable: 'inheritable',
  Permitted: 'permitted',
};

function buildCapabilityFilter(filter: SourceMap): CapabilityFilter {
  let mask = 0n;
  for (const { text } of textsOf(filter, 'values'))
    mask |= 1n << BigInt(required(capabilityNumber(text), 'capability'));
  return {
    set: required(capabilitySets[textOf(filter, 'type')?.text ?? 'Effective'], 'capability set'),
    negate: isNegated(filter),
    namespaceCapability: flagOf(filter, 'isNamespaceCapability', false),
    mask,
    position: filter.position,
  };
}

function stacksOf(node: SourceMap): { stacks?: StackKind[] } {
  const stacks = (['kernel', 'user'] as const).filter((kind) => flagOf(node, `${kind}StackTrace`, false));
  return stacks.length === 0 ? {} : { stacks };
}

function buildAction(view: ActionView): Action {
  const { node } = view;
  const kind = required(view.action, 'action').text;
  const { position } = node;
  switch (kind) {
    case 'Post':
      return { kind, ...stacksOf(node), position };
    case 'NoPost':
    case 'Sigkill':
      return { kind, position };
    case 'Signal':
      return { kind, signal: required(integerOf(node, 'argSig'), 'argSig').value, position };
    case 'Override':
      return { kind, error: required(integerOf(node, 'argError'), 'argError').value, position };
    default:
      throw new Error(`the action ${kind} was not refused`);
  }
}
