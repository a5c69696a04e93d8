/**
 * The meaning of a hook's selectors, written for clarity: compiled filters are tested against it on random inputs.
 */
import { type ConcreteType, domainOf, familyOf } from './argument-types.ts';
import { compareBytes, endsWithBytes, isSameBytes, startsWithBytes } from './bytes.ts';
import type {
  ArgFilter,
  Argument,
  BinaryFilter,
  CapabilityFilter,
  HookSpec,
  NamespaceFilter,
  NamespaceName,
  PidFilter,
  Selector,
} from './model.ts';
import { type Component, type Operand, type OperandResult, operandOf } from './operand.ts';
import type { Network } from './operand-networks.ts';
import type { Range } from './operand-ranges.ts';

/** The value of one argument as the kernel would read it. */
export type InputValue =
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: Uint8Array }
  /** `mode` is `inode->i_mode`. */
  | { readonly kind: 'path'; readonly value: Uint8Array; readonly mode: number }
  /** Addresses are 4 bytes for AF_INET, 16 for AF_INET6, not looked at for other families. Ports are in host order. */
  | {
      readonly kind: 'socket';
      readonly family: number;
      readonly saddr: Uint8Array;
      readonly daddr: Uint8Array;
      readonly sport: number;
      readonly dport: number;
      readonly protocol: number;
      readonly state: number;
    }
  | { readonly kind: 'unreadable' };

export interface HookInput {
  /** Parallel to `HookSpec.args`. */
  readonly args: readonly InputValue[];
  /** Absent before the function returned. */
  readonly returnValue?: bigint;
  readonly process: {
    readonly pid: number;
    readonly namespacePid: number;
    readonly binary: Uint8Array;
    readonly namespaces: Readonly<Record<NamespaceName, number>>;
    readonly capabilities: Readonly<Record<'effective' | 'inheritable' | 'permitted', bigint>>;
  };
  /** Namespace inode numbers of pid 1. */
  readonly hostNamespaces: Readonly<Record<string, number>>;
}

/**
 * The index of the first selector whose filters all match, `matchReturnArgs` left aside; 0 when the hook has no
 * selectors, -1 when none matches. The argument types of `hook` must be resolved: throws on `auto`.
 */
export function matchingSelector(hook: HookSpec, input: HookInput): number {
  if (hook.selectors.length === 0) return 0;
  return hook.selectors.findIndex((selector) => matchesEntry(hook, selector, input));
}

/** Whether the return value satisfies every `matchReturnArgs` of `selector`. */
export function matchesReturn(hook: HookSpec, selector: Selector, input: HookInput): boolean {
  return selector.matchReturnArgs.every((filter) => matchesArgument(hook, filter, input));
}

function matchesEntry(hook: HookSpec, selector: Selector, input: HookInput): boolean {
  return (
    selector.matchPIDs.every((filter) => matchesPid(filter, input)) &&
    selector.matchBinaries.every((filter) => matchesBinary(filter, input)) &&
    selector.matchNamespaces.every((filter) => matchesNamespace(filter, input)) &&
    selector.matchCapabilities.every((filter) => matchesCapability(filter, input)) &&
    selector.matchArgs.every((filter) => matchesArgument(hook, filter, input))
  );
}

function matchesPid(filter: PidFilter, input: HookInput): boolean {
  const pid = filter.namespacePid ? input.process.namespacePid : input.process.pid;
  return filter.values.includes(pid) !== filter.negate;
}

function matchesBinary(filter: BinaryFilter, input: HookInput): boolean {
  const { binary } = input.process;
  const compare = stringComparison(filter.match);
  return filter.values.some((value) => compare(binary, encode(value))) !== filter.negate;
}

function matchesNamespace(filter: NamespaceFilter, input: HookInput): boolean {
  const inode = input.process.namespaces[filter.namespace];
  const host = input.hostNamespaces[filter.namespace];
  return filter.values.some((value) => inode === (value === 'host_ns' ? host : value)) !== filter.negate;
}

function matchesCapability(filter: CapabilityFilter, input: HookInput): boolean {
  const { namespaces, capabilities } = input.process;
  if (filter.namespaceCapability && namespaces.user === input.hostNamespaces['user']) return false;
  return ((capabilities[filter.set] & filter.mask) !== 0n) !== filter.negate;
}

function matchesArgument(hook: HookSpec, filter: ArgFilter, input: HookInput): boolean {
  const argument = filter.argument === -1 ? hook.returnArg : hook.args[filter.argument];
  const type = concreteType(argument, filter);
  const { component, operand } = cachedOperand(type, filter);
  const value = componentOf(type, component, inputValue(filter, input));
  const isNegated = operand.kind !== 'mask' && operand.negate;
  if (value === undefined) return isNegated;
  return matchesOperand(operand, value) !== isNegated;
}

function concreteType(argument: Argument | undefined, filter: ArgFilter): ConcreteType {
  if (argument === undefined)
    throw new Error(`a filter compares argument ${filter.argument}, which the hook does not have`);
  if (argument.type === 'auto') throw new Error(`the type of argument ${argument.index} was not resolved`);
  return argument.type;
}

/** Reading values costs far more than comparing them; a filter is bound to one argument, so to one type. */
const operands = new WeakMap<ArgFilter, { readonly type: ConcreteType; readonly result: OperandResult }>();

function cachedOperand(type: ConcreteType, filter: ArgFilter): OperandResult {
  const cached = operands.get(filter);
  if (cached?.type === type) return cached.result;
  const result = operandOf(type, filter);
  const error = result.diagnostics.find((finding) => finding.severity === 'error');
  if (error !== undefined) throw new Error(`the policy was not checked: ${error.message}`);
  operands.set(filter, { type, result });
  return result;
}

function inputValue(filter: ArgFilter, input: HookInput): InputValue {
  if (filter.argument !== -1) return input.args[filter.argument] ?? { kind: 'unreadable' };
  if (input.returnValue === undefined) return { kind: 'unreadable' };
  return { kind: 'integer', value: input.returnValue };
}

/** The compared part of a value; undefined when it cannot be read or has no such part. */
function componentOf(type: ConcreteType, component: Component, value: InputValue): bigint | Uint8Array | undefined {
  switch (value.kind) {
    case 'unreadable':
      return undefined;
    case 'integer':
      return component === 'self' && familyOf(type) === 'integer' ? wrap(type, value.value) : undefined;
    case 'string':
      return component === 'self' ? value.value : undefined;
    case 'path':
      return component === 'fileType' ? BigInt(value.mode & fileTypeMask) : value.value;
    case 'socket':
      return socketComponent(component, value);
    default:
      return value satisfies never;
  }
}

/** `S_IFMT`. */
const fileTypeMask = 0o170000;

/** A register holds 64 bits whatever the type: the upper ones do not count. */
function wrap(type: ConcreteType, value: bigint): bigint {
  const { signed, bits } = domainOf(type);
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

function socketComponent(
  component: Component,
  socket: Extract<InputValue, { kind: 'socket' }>,
): bigint | Uint8Array | undefined {
  switch (component) {
    case 'saddr':
    case 'daddr':
      return socketAddress(socket.family, socket[component]);
    case 'sport':
    case 'dport':
    case 'protocol':
    case 'family':
    case 'state':
      return BigInt(socket[component]);
    case 'self':
    case 'fileType':
      return undefined;
    default:
      return component satisfies never;
  }
}

const addressLengths: ReadonlyMap<number, number> = new Map([
  [2, 4], // AF_INET
  [10, 16], // AF_INET6
]);

/** Sockets of other families have no address, which is in no network. */
function socketAddress(family: number, address: Uint8Array): Uint8Array | undefined {
  const length = addressLengths.get(family);
  return length === undefined ? undefined : address.subarray(0, length);
}

/** Before negation. */
function matchesOperand(operand: Operand, value: bigint | Uint8Array): boolean {
  if (typeof value === 'bigint') {
    if (operand.kind === 'ranges') return isInRanges(operand.ranges, value);
    return operand.kind === 'mask' && (BigInt.asUintN(64, value) & operand.mask) !== 0n;
  }
  if (operand.kind === 'networks') return operand.networks.some((network) => isInNetwork(network, value));
  if (operand.kind !== 'strings') return false;
  const compare = stringComparison(operand.match);
  return operand.values.some((wanted) => compare(value, wanted));
}

function isInRanges(ranges: readonly Range[], value: bigint): boolean {
  return ranges.some((range) => value >= range.min && value <= range.max);
}

function stringComparison(match: 'equal' | 'prefix' | 'postfix'): (value: Uint8Array, wanted: Uint8Array) => boolean {
  switch (match) {
    case 'equal':
      return isSameBytes;
    case 'prefix':
      return startsWithBytes;
    case 'postfix':
      return endsWithBytes;
    default:
      return match satisfies never;
  }
}

function isInNetwork(network: Network, address: Uint8Array): boolean {
  if (address.length !== network.address.length) return false;
  const whole = network.prefixLength >> 3;
  if (compareBytes(address.subarray(0, whole), network.address.subarray(0, whole)) !== 0) return false;
  const rest = network.prefixLength & 7;
  const mask = 0xff & (0xff << (8 - rest));
  return rest === 0 || (address[whole]! & mask) === network.address[whole]!;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
