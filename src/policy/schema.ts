/**
 * The JSON schema of TracingPolicy and TracingPolicyNamespaced (`cilium.io/v1alpha1`): every field of the language,
 * compiled or not. What a value means beyond its type is the business of `rules/`.
 */
import { argumentTypes, notCompiledTypes } from './argument-types.ts';
import { namespaceNames } from './namespace-names.ts';
import { notCompiledOperators, operatorSpellings } from './operators.ts';
import {
  anything,
  choice,
  definition,
  fields,
  flag,
  int32,
  listOf,
  name,
  notCompiled,
  type Schema,
  text,
  uint32,
  uint64,
} from './schema-types.ts';

export const policyKinds = ['TracingPolicy', 'TracingPolicyNamespaced'] as const;

const metadata = fields(
  {
    name,
    generateName: text,
    namespace: text,
    selfLink: text,
    uid: text,
    resourceVersion: text,
    generation: uint64,
    creationTimestamp: text,
    deletionTimestamp: text,
    deletionGracePeriodSeconds: uint64,
    labels: { type: 'object', additionalProperties: text },
    annotations: { type: 'object', additionalProperties: text },
    ownerReferences: listOf(anything),
    finalizers: listOf(text),
    managedFields: listOf(anything),
  },
  ['name'],
);

const labelSelector = fields({
  matchLabels: { type: 'object', additionalProperties: text },
  matchExpressions: listOf(
    fields({ key: name, operator: choice(['In', 'NotIn', 'Exists', 'DoesNotExist']), values: listOf(text) }, [
      'key',
      'operator',
    ]),
  ),
});

const membership = choice(['In', 'NotIn']);

const pidFilter = fields(
  {
    operator: membership,
    values: listOf(uint32),
    isNamespacePID: flag,
    followForks: notCompiled(flag, 'Filter on the program with matchBinaries instead.'),
  },
  ['operator', 'values'],
);

const argFilter = fields(
  {
    index: uint32,
    args: listOf(uint32),
    operator: choice(operatorSpellings, notCompiledOperators),
    values: listOf(text),
  },
  ['operator'],
);

const binaryFilter = fields(
  {
    operator: choice(['In', 'NotIn', 'Prefix', 'NotPrefix', 'Postfix', 'NotPostfix']),
    values: listOf(text),
    followChildren: notCompiled(flag, 'List the programs that the children run as well.'),
  },
  ['operator', 'values'],
);

const namespaceFilter = fields(
  { namespace: choice(Object.keys(namespaceNames)), operator: membership, values: listOf(text) },
  ['namespace', 'operator', 'values'],
);

const capabilityFilter = fields(
  {
    type: choice(['Effective', 'Inheritable', 'Permitted']),
    operator: membership,
    isNamespaceCapability: flag,
    values: listOf(text),
  },
  ['operator', 'values'],
);

const workload = fields({
  podSelector: definition('labelSelector'),
  containerSelector: definition('labelSelector'),
  hostSelector: definition('labelSelector'),
});

const actions = ['Post', 'NoPost', 'Sigkill', 'Signal', 'Override'];

const notCompiledActions = {
  GetUrl: 'Use "Post" and let the receiver of the events make the request.',
  DnsLookup: 'Use "Post" and let the receiver of the events make the request.',
  TrackSock: 'Use "Post": the event names the process that made the call.',
  UntrackSock: 'Use "Post": the event names the process that made the call.',
  NotifyEnforcer: 'Use "Override" or "Sigkill" on the hook itself.',
  CleanupEnforcerNotification: 'Use "Override" or "Sigkill" on the hook itself.',
  Set: 'Use "Post" or "Sigkill".',
};

const everyEvent = 'Every event is posted without it; narrow the selector instead.';

const action = fields(
  {
    action: choice(actions, notCompiledActions),
    argSig: uint32,
    argError: int32,
    argUrl: notCompiled(text, notCompiledActions.GetUrl),
    argFqdn: notCompiled(text, notCompiledActions.DnsLookup),
    argSock: notCompiled(uint32, notCompiledActions.TrackSock),
    argFd: notCompiled(uint32, 'The actions that used it no longer exist.'),
    argName: notCompiled(uint32, 'The actions that used it no longer exist.'),
    argIndex: notCompiled(uint32, notCompiledActions.Set),
    argValue: notCompiled(uint32, notCompiledActions.Set),
    argRegs: notCompiled(listOf(text), 'Use "argError".'),
    argNewSymbol: notCompiled(text, 'Use "argError".'),
    argNewAddr: notCompiled(uint64, 'Use "argError".'),
    argNewOffset: notCompiled(uint64, 'Use "argError".'),
    rateLimit: notCompiled(text, everyEvent),
    rateLimitScope: notCompiled(choice(['thread', 'process', 'global']), everyEvent),
    kernelStackTrace: flag,
    userStackTrace: flag,
    imaHash: notCompiled(flag, 'The event names the path of the file without it.'),
  },
  ['action'],
);

const selector = fields({
  label: text,
  matchPIDs: listOf(definition('pidFilter')),
  matchArgs: listOf(definition('argFilter')),
  matchData: notCompiled(listOf(definition('argFilter')), 'Use matchArgs on an argument of the function.'),
  matchReturnArgs: listOf(definition('argFilter')),
  matchActions: listOf(definition('action')),
  matchReturnActions: notCompiled(listOf(definition('action')), 'Use matchReturnArgs with matchActions.'),
  matchBinaries: listOf(definition('binaryFilter')),
  matchParentBinaries: notCompiled(listOf(definition('binaryFilter')), 'Use matchBinaries on the program itself.'),
  matchNamespaces: listOf(definition('namespaceFilter')),
  matchNamespaceChanges: notCompiled(
    listOf(fields({ operator: membership, values: listOf(choice(Object.keys(namespaceNames))) }, ['operator'])),
    'Use matchNamespaces with NotIn and "host_ns".',
  ),
  matchCapabilities: listOf(definition('capabilityFilter')),
  matchCapabilityChanges: notCompiled(listOf(definition('capabilityFilter')), 'Use matchCapabilities.'),
  matchWorkloads: notCompiled(listOf(workload), 'Use matchNamespaces or matchBinaries.'),
  macros: notCompiled(listOf(text), 'Write the filters of the macro into the selector.'),
});

const argumentType = choice([...argumentTypes.keys()], notCompiledTypes);
const wholeArgument = 'Without it the argument is reported as its type says.';
const textArgument = 'Use type "string" for text that ends with a NUL byte.';

const argumentFields = {
  index: uint32,
  type: argumentType,
  label: text,
  resolve: notCompiled(text, wholeArgument),
  sizeArgIndex: uint32,
  returnCopy: notCompiled(flag, textArgument),
  maxData: notCompiled(flag, textArgument),
  source: notCompiled(choice(['current_task', 'pt_regs']), 'Use an argument of the function.'),
  btfType: notCompiled(text, wholeArgument),
  btfTypeModule: notCompiled(text, wholeArgument),
};

const data = notCompiled(listOf(fields(argumentFields)), 'Use "args" of the function.');
const selectors = listOf(definition('selector'));
const args = listOf(definition('argument'));
const tags = listOf(text);

const kprobe = fields(
  {
    call: name,
    return: flag,
    syscall: flag,
    message: text,
    args,
    data,
    returnArg: definition('returnArgument'),
    returnArgAction: notCompiled(choice(['Post', 'TrackSock', 'UntrackSock']), 'Use "returnArg" alone.'),
    selectors,
    tags,
    ignore: fields({ callNotFound: flag }),
  },
  ['call'],
);

const tracepoint = fields({ subsystem: name, event: name, message: text, args, selectors, tags, raw: flag }, [
  'subsystem',
  'event',
]);

const lsmHook = fields({ hook: name, message: text, args, selectors, tags }, ['hook']);

const uprobe = fields(
  {
    path: name,
    btfPath: text,
    symbols: listOf(text),
    offsets: listOf(uint64),
    addrs: listOf(uint64),
    refCtrOffsets: listOf(uint64),
    message: text,
    selectors,
    args,
    data,
    tags,
    return: flag,
    returnArg: definition('returnArgument'),
    binaryDigests: listOf(text),
    ignore: fields({ digestVerificationFailure: flag }),
  },
  ['path'],
);

const usdt = fields({ path: name, btfPath: text, provider: name, name, message: text, args, selectors, tags }, [
  'path',
  'provider',
  'name',
]);

const list = fields(
  {
    name,
    type: choice(['', 'syscalls', 'generated_syscalls', 'generated_ftrace']),
    values: listOf(text),
    pattern: text,
    validated: flag,
  },
  ['name'],
);

const userFunctions = 'Hook the system calls or kernel functions the program uses, with "kprobes" and matchBinaries.';

const spec = fields({
  kprobes: listOf(kprobe),
  fentries: listOf(kprobe),
  tracepoints: listOf(tracepoint),
  lsmhooks: listOf(lsmHook),
  uprobes: notCompiled(listOf(uprobe), userFunctions),
  usdts: notCompiled(listOf(usdt), userFunctions),
  loader: flag,
  podSelector: definition('labelSelector'),
  containerSelector: definition('labelSelector'),
  hostSelector: definition('labelSelector'),
  nodeSelector: definition('labelSelector'),
  lists: notCompiled(listOf(list), 'Write one hook for each function of the list.'),
  enforcers: notCompiled(listOf(fields({ calls: listOf(text) }, ['calls'])), notCompiledActions.NotifyEnforcer),
  options: listOf(fields({ name, value: text }, ['name'])),
  selectorsMacros: notCompiled(
    { type: 'object', additionalProperties: definition('selector') },
    'Write the filters of each macro into the selectors that use it.',
  ),
});

export const policySchema: Schema = {
  ...fields(
    {
      apiVersion: choice(['cilium.io/v1alpha1']),
      kind: choice(policyKinds),
      metadata,
      spec,
    },
    ['apiVersion', 'kind', 'metadata', 'spec'],
  ),
  definitions: {
    labelSelector,
    pidFilter,
    argFilter,
    binaryFilter,
    namespaceFilter,
    capabilityFilter,
    action,
    selector,
    argument: fields(argumentFields, ['index']),
    returnArgument: fields(argumentFields),
  },
};

/** The schema itself, or the definition it refers to. */
export function resolveSchema(schema: Schema): Schema {
  const reference = schema.$ref?.replace('#/definitions/', '');
  if (reference === undefined) return schema;
  const target = policySchema.definitions?.[reference];
  if (target === undefined) throw new Error(`the schema has no definition ${reference}`);
  return target;
}
