/**
 * A canonical document seen as policy, hooks, selectors and filters. It is the common ground of the rules and of the
 * construction of the model, and tolerates every mistake: what is missing or mistyped reads as undefined or is left out.
 */
import { argumentTypes } from './argument-types.ts';
import type { ArgumentType, HookKind, Operator, Position, SourceText } from './model.ts';
import { operatorOf } from './operators.ts';
import {
  entryOf,
  flagOf,
  integerOf,
  integersOf,
  keyPositionOf,
  type Located,
  mapOf,
  mapsOf,
  positionOf,
  type SourceMap,
  textOf,
  textsOf,
} from './source.ts';
import { syscallName } from './syscall-name.ts';

export interface PolicyView {
  readonly root: SourceMap;
  readonly kind: SourceText | undefined;
  readonly metadata: SourceMap | undefined;
  readonly spec: SourceMap | undefined;
  readonly hooks: readonly HookView[];
  /** Where `loader: true` stands. */
  readonly loader: Position | undefined;
}

export type HookSection = 'kprobes' | 'fentries' | 'tracepoints' | 'lsmhooks';

export interface HookView {
  readonly section: HookSection;
  readonly kind: HookKind;
  readonly node: SourceMap;
  /** What is written in `call`, `hook` or `event`. */
  readonly name: SourceText | undefined;
  /** As in `HookSpec.target`. */
  readonly target: string;
  readonly syscall: boolean;
  readonly args: readonly ArgumentView[];
  /** As written, whether or not `return` is true. */
  readonly returnArg: ArgumentView | undefined;
  readonly returns: boolean;
  readonly selectors: readonly SelectorView[];
}

export interface ArgumentView {
  readonly node: SourceMap;
  readonly index: Located<number> | undefined;
  /** Undefined when the type is unknown or not compiled. */
  readonly type: ArgumentType | undefined;
  readonly spelledType: string;
  readonly sizeArgIndex: ArgumentView['index'];
}

export interface SelectorView {
  readonly node: SourceMap;
  readonly matchArgs: readonly FilterView[];
  readonly matchReturnArgs: readonly FilterView[];
  readonly actions: readonly ActionView[];
}

export interface FilterView {
  readonly node: SourceMap;
  readonly operator: Operator | undefined;
  readonly operatorPosition: Position;
  readonly values: readonly SourceText[];
  /** Which argument is compared: its position in `HookView.args`, -1 for the return value; undefined when there is none. */
  readonly argument: number | undefined;
}

export interface ActionView {
  readonly node: SourceMap;
  readonly action: SourceText | undefined;
}

export function viewPolicy(root: SourceMap): PolicyView {
  const spec = mapOf(root, 'spec');
  return {
    root,
    kind: textOf(root, 'kind'),
    metadata: mapOf(root, 'metadata'),
    spec,
    hooks: spec ? viewHooks(spec) : [],
    loader: spec && flagOf(spec, 'loader', false) ? keyPositionOf(spec, 'loader') : undefined,
  };
}

const sections: readonly HookSection[] = ['kprobes', 'fentries', 'tracepoints', 'lsmhooks'];

/** In the order they are written, sections among each other too. */
function viewHooks(spec: SourceMap): HookView[] {
  const written = spec.entries.map((entry) => sections.find((section) => section === entry.key));
  return written.flatMap((section) =>
    section === undefined ? [] : mapsOf(spec, section).map((node) => viewHook(section, node)),
  );
}

function viewHook(section: HookSection, node: SourceMap): HookView {
  const args = mapsOf(node, 'args').map(viewArgument);
  const returnArg = mapOf(node, 'returnArg');
  return {
    section,
    node,
    ...viewTarget(section, node),
    args,
    returnArg: returnArg && viewArgument(returnArg),
    returns: flagOf(node, 'return', false),
    selectors: mapsOf(node, 'selectors').map((selector) => viewSelector(selector, args)),
  };
}

function viewTarget(section: HookSection, node: SourceMap): Pick<HookView, 'kind' | 'name' | 'target' | 'syscall'> {
  switch (section) {
    case 'kprobes':
    case 'fentries':
      return viewCall(section === 'kprobes' ? 'kprobe' : 'fentry', node);
    case 'tracepoints': {
      const event = textOf(node, 'event');
      const target = `${textOf(node, 'subsystem')?.text ?? ''}/${event?.text ?? ''}`;
      return { kind: flagOf(node, 'raw', false) ? 'rawTracepoint' : 'tracepoint', name: event, target, syscall: false };
    }
    case 'lsmhooks': {
      const hook = textOf(node, 'hook');
      return { kind: 'lsm', name: hook, target: hook?.text ?? '', syscall: false };
    }
    default:
      return section satisfies never;
  }
}

/** `syscall` is true by default, as in the custom resource definition. */
function viewCall(kind: HookKind, node: SourceMap): Pick<HookView, 'kind' | 'name' | 'target' | 'syscall'> {
  const call = textOf(node, 'call');
  const name = call?.text ?? '';
  const syscall = flagOf(node, 'syscall', true);
  const target = syscall ? (syscallName(name)?.target ?? name) : name;
  return { kind, name: call, target, syscall };
}

function viewArgument(node: SourceMap): ArgumentView {
  const spelledType = textOf(node, 'type')?.text ?? 'auto';
  return {
    node,
    index: integerOf(node, 'index'),
    type: argumentTypes.get(spelledType),
    spelledType,
    sizeArgIndex: integerOf(node, 'sizeArgIndex'),
  };
}

function viewSelector(node: SourceMap, args: readonly ArgumentView[]): SelectorView {
  return {
    node,
    matchArgs: mapsOf(node, 'matchArgs').map((filter) => viewFilter(filter, argumentPosition(filter, args))),
    matchReturnArgs: mapsOf(node, 'matchReturnArgs').map((filter) => viewFilter(filter, -1)),
    actions: mapsOf(node, 'matchActions').map((action) => ({ node: action, action: textOf(action, 'action') })),
  };
}

function viewFilter(node: SourceMap, argument: number | undefined): FilterView {
  return {
    node,
    operator: operatorOf(textOf(node, 'operator')?.text ?? ''),
    operatorPosition: positionOf(node, 'operator'),
    values: textsOf(node, 'values'),
    argument,
  };
}

/** `args` counts the arguments of the hook's list and goes before `index`, which is the argument's own; 0 without both. */
function argumentPosition(filter: SourceMap, args: readonly ArgumentView[]): number | undefined {
  const listed = integersOf(filter, 'args');
  if (entryOf(filter, 'args') !== undefined) {
    const position = listed[0]?.value;
    return position !== undefined && position < args.length ? position : undefined;
  }
  const index = integerOf(filter, 'index')?.value ?? 0;
  const position = args.findIndex((argument) => argument.index?.value === index);
  return position < 0 ? undefined : position;
}
