import type { KernelFacts, Parameter, Prototype, TypeFact } from '../compiler/kernel-facts.ts';
import { btfKind } from '../ebpf/btf-format.ts';
import type { BtfFile, BtfPrototype, TypeId } from '../ebpf/btf-reader.ts';
import { hasKernelBtf, KernelBtf } from './kernel-btf.ts';
import { readKernelConfig, readPreemption } from './kernel-config.ts';
import { type KeySet, lazyRecord } from './lazy-record.ts';
import { hostNamespaces } from './namespaces.ts';
import type { FunctionIds } from './probe-context.ts';
import { probeFeatures } from './probes.ts';
import { syscallNumbers } from './syscall-numbers.ts';
import { uname } from './system.ts';
import { hasTracepoint, listTracepoints, readTracepointFormat } from './tracepoint-format.ts';

export interface FactsOptions {
  /** Only these functions, read at once; by default all, each read when asked for. */
  readonly functions?: readonly string[];
  /** Only these tracepoints (`subsystem/event`), read at once; by default all, each read when asked for. */
  readonly tracepoints?: readonly string[];
}

/**
 * Collects what is known of the running kernel, each thing when it is first asked for. Features are tried by loading and
 * attaching small programs, which needs root; without it they are presumed from what can be read, and tracepoint formats are
 * missing. Mounts tracefs at its usual place when it is not mounted.
 */
export function collectFacts(options: FactsOptions = {}): KernelFacts {
  const name = uname();
  const config = once(() => readKernelConfig(name.release));
  const btf = hasKernelBtf() ? new KernelBtf() : undefined;
  const tracepoints = tracepointKeys();
  const preemption = once(() => readPreemption(name, config()));
  const ptRegs = once(() => (btf ? ptRegsOffsets(btf.file) : {}));
  return {
    schema: 1,
    release: name.release,
    version: name.version,
    machine: name.machine,
    features: probeFeatures({ version: name.version, functions: btf && functionIds(btf), config, tracepoints }),
    get preemption() {
      return preemption();
    },
    syscalls: syscallNumbers(name.machine),
    functions: selectRecord(functionKeys(btf), options.functions, (key) => functionPrototype(btf!.file, key)),
    rawTracepoints: lazyRecord(rawTracepointKeys(btf), (key) =>
      prototypeFact(btf!.file, btf!.file.rawTracepoint(key)!),
    ),
    tracepoints: selectRecord(tracepoints, options.tracepoints, tracepointFormat),
    hostNamespaces: hostNamespaces(),
    get ptRegs() {
      return ptRegs();
    },
  };
}

/** What `read` returns, called at the first use. */
function once<Value>(read: () => Value): () => Value {
  let result: { readonly value: Value } | undefined;
  return () => {
    result ??= { value: read() };
    return result.value;
  };
}

function functionIds(btf: KernelBtf): FunctionIds {
  return { get: (name) => btf.file.findFunction(name) };
}

const noKeys: KeySet = new Set<string>();

function functionKeys(btf: KernelBtf | undefined): KeySet {
  if (!btf) {
    return noKeys;
  }
  return {
    has: (name) => btf.file.findFunction(name) !== undefined,
    keys: () => new Set([...btf.file.functions()].map(({ name }) => name)),
  };
}

function rawTracepointKeys(btf: KernelBtf | undefined): KeySet {
  if (!btf) {
    return noKeys;
  }
  return { has: (name) => btf.file.hasRawTracepoint(name), keys: () => new Set(btf.file.rawTracepoints()) };
}

function tracepointKeys(): KeySet {
  const all = once(listTracepoints);
  return { has: hasTracepoint, keys: () => all() };
}

function selectRecord<Value>(
  keys: KeySet,
  wanted: readonly string[] | undefined,
  read: (key: string) => Value,
): Readonly<Record<string, Value>> {
  if (!wanted) {
    return lazyRecord(keys, read);
  }
  return Object.fromEntries(wanted.filter((key) => keys.has(key)).map((key) => [key, read(key)]));
}

/** Functions behind a system call, whose pointers are the caller's. */
const SYSCALL_FUNCTION = /^__(?:do|se|ia32|x64|arm64|do_compat|se_compat)_(?:compat_)?sys_/;

function functionPrototype(btf: BtfFile, name: string): Prototype {
  return prototypeFact(btf, btf.prototypeOf(name)!, SYSCALL_FUNCTION.test(name));
}

function prototypeFact(btf: BtfFile, prototype: BtfPrototype, ofSyscall = false): Prototype {
  return {
    parameters: prototype.parameters.map(
      (parameter): Parameter => ({ name: parameter.name, ...typeFact(btf, parameter.type, ofSyscall) }),
    ),
    returns: typeFact(btf, prototype.returns, ofSyscall),
  };
}

function typeFact(btf: BtfFile, type: TypeId, ofSyscall: boolean): TypeFact {
  const user =
    btf.isUserPointer(type) || (ofSyscall && btf.isPointer(type) && btf.typeName(type) !== 'struct pt_regs *');
  return {
    type: btf.typeName(type),
    size: btf.sizeOf(type),
    signed: btf.isSigned(type),
    ...(user ? { user } : {}),
    ...(isOpaque(btf, type) ? { opaque: true } : {}),
  };
}

/** Points to a structure that is only declared: the verifier refuses to load such an argument. */
function isOpaque(btf: BtfFile, type: TypeId): boolean {
  const target = btf.pointerTarget(type);
  return target !== undefined && btf.kindOf(btf.resolve(target)) === btfKind.forward;
}

function tracepointFormat(key: string): KernelFacts['tracepoints'][string] {
  const [subsystem = '', event = ''] = key.split('/');
  return readTracepointFormat(subsystem, event)!;
}

/** Members of `struct pt_regs`, those in its unnamed unions included. */
function ptRegsOffsets(btf: BtfFile): Record<string, number> {
  const struct = btf.findStruct('pt_regs');
  return struct === undefined ? {} : Object.fromEntries(memberOffsets(btf, struct, 0));
}

function memberOffsets(btf: BtfFile, struct: TypeId, base: number): [string, number][] {
  return btf.members(struct).flatMap((member): [string, number][] => {
    if (member.name !== '') {
      return [[member.name, base + member.offset]];
    }
    return isStruct(btf, member.type) ? memberOffsets(btf, member.type, base + member.offset) : [];
  });
}

function isStruct(btf: BtfFile, type: TypeId): boolean {
  const kind = btf.kindOf(btf.resolve(type));
  return kind === btfKind.struct || kind === btfKind.union;
}
