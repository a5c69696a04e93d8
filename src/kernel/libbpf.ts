import koffi, { type LibraryHandle, type TypeObject } from 'koffi';
import { KernelError } from './kernel-error.ts';

/**
 * libbpf (1.1 or newer) by FFI: the one table of its functions in use. Objects of the library are addresses (`bigint`),
 * null is `null`; the classes of this folder own them and know whether they are closed. Functions return 0 or more, or
 * `-errno`; those that return an address return null and leave the number in errno. The library is opened at the first
 * call, so that commands which need no kernel work without it.
 */
export type Address = bigint;
export type NullableAddress = bigint | null;

const LIBRARY_NAME = 'libbpf.so.1';
const OLDEST_VERSION: readonly [number, number] = [1, 1];

type Type = string | TypeObject;

let loadedLibrary: LibraryHandle | undefined;

function library(): LibraryHandle {
  if (!loadedLibrary) {
    const candidate = openLibrary();
    const [major, minor] = versionOf(candidate);
    if (major !== OLDEST_VERSION[0] || minor < OLDEST_VERSION[1]) {
      throw unusable(`it is version ${major}.${minor}`);
    }
    loadedLibrary = candidate;
  }
  return loadedLibrary;
}

function openLibrary(): LibraryHandle {
  try {
    return koffi.load(LIBRARY_NAME);
  } catch (error) {
    throw unusable((error as Error).message);
  }
}

function unusable(reason: string): KernelError {
  const hint = 'install libbpf 1.1 or a newer 1.x; Debian: apt install libbpf1';
  return new KernelError({ call: `load ${LIBRARY_NAME}`, errno: 0, reason, hint });
}

function versionOf(handle: LibraryHandle): [number, number] {
  return [handle.func('libbpf_major_version', 'uint32_t', [])(), handle.func('libbpf_minor_version', 'uint32_t', [])()];
}

function declare<Signature extends (...values: never[]) => unknown>(
  name: string,
  result: Type,
  parameters: readonly Type[],
): Signature {
  let resolved: ((...values: never[]) => unknown) | undefined;
  const call = (...values: never[]): unknown => {
    resolved ??= library().func(name, result, [...parameters]);
    return resolved(...values);
  };
  return call as Signature;
}

/** N of version 1.N. */
export const libbpfMinorVersion = declare<() => number>('libbpf_minor_version', 'uint32_t', []);

const POINTER = 'void *';
const STRING = 'const char *';

/** `struct bpf_object_open_opts`. */
const openOptions = koffi.struct({
  sz: 'size_t',
  object_name: STRING,
  relaxed_maps: 'bool',
  pin_root_path: STRING,
  unused: 'uint32_t',
  kconfig: STRING,
  btf_custom_path: STRING,
  kernel_log_buf: POINTER,
  kernel_log_size: 'size_t',
  kernel_log_level: 'uint32_t',
});

/** `struct bpf_kprobe_opts`. */
const kprobeOptions = koffi.struct({ sz: 'size_t', bpf_cookie: 'uint64_t', offset: 'size_t', retprobe: 'bool' });

/** `struct bpf_kprobe_multi_opts`. */
const kprobeMultiOptions = koffi.struct({
  sz: 'size_t',
  syms: 'const char **',
  addrs: POINTER,
  cookies: POINTER,
  cnt: 'size_t',
  retprobe: 'bool',
});

/** `libbpf_print_fn_t`; the `va_list` arrives as a pointer. */
const printFunction = koffi.proto('int', ['int', POINTER, POINTER]);

type Look<Result> = (object: Address) => Result;
type Set = (object: Address, value: number) => number;

// The library

const setPrint = declare<(callback: bigint) => NullableAddress>('libbpf_set_print', POINTER, [
  koffi.pointer(printFunction),
]);

/** Sends every message of the library to `print` for the rest of the process. */
export function setPrintFunction(print: (level: number, format: Address, values: Address) => number): void {
  setPrint(koffi.register(print, koffi.pointer(printFunction)));
}

/** Possible CPUs, or `-errno`. */
export const numPossibleCpus = declare<() => number>('libbpf_num_possible_cpus', 'int', []);

// Linker

export const linkerNew = declare<(file: string, options: null) => NullableAddress>('bpf_linker__new', POINTER, [
  STRING,
  POINTER,
]);
export const linkerAddFile = declare<(linker: Address, file: string, options: null) => number>(
  'bpf_linker__add_file',
  'int',
  [POINTER, STRING, POINTER],
);
export const linkerFinalize = declare<Look<number>>('bpf_linker__finalize', 'int', [POINTER]);
export const linkerFree = declare<Look<void>>('bpf_linker__free', 'void', [POINTER]);

// Objects

const openMem = declare<(bytes: Uint8Array, size: number, options: object) => NullableAddress>(
  'bpf_object__open_mem',
  POINTER,
  [POINTER, 'size_t', koffi.pointer(openOptions)],
);

/** `log` receives the verifier's log of a program that is refused; it must outlive the object. */
export function objectOpen(bytes: Uint8Array, name: string, log: Uint8Array): NullableAddress {
  return openMem(bytes, bytes.byteLength, {
    sz: openOptions.size,
    object_name: name,
    relaxed_maps: false,
    pin_root_path: null,
    unused: 0,
    kconfig: null,
    btf_custom_path: null,
    kernel_log_buf: log,
    kernel_log_size: log.byteLength,
    kernel_log_level: 0,
  });
}
export const objectLoad = declare<Look<number>>('bpf_object__load', 'int', [POINTER]);
export const objectClose = declare<Look<void>>('bpf_object__close', 'void', [POINTER]);
export const objectBtf = declare<Look<NullableAddress>>('bpf_object__btf', POINTER, [POINTER]);

type Next = (object: Address, previous: NullableAddress) => NullableAddress;
type Find = (object: Address, name: string) => NullableAddress;
export const objectNextProgram = declare<Next>('bpf_object__next_program', POINTER, [POINTER, POINTER]);
export const objectNextMap = declare<Next>('bpf_object__next_map', POINTER, [POINTER, POINTER]);
export const objectFindProgram = declare<Find>('bpf_object__find_program_by_name', POINTER, [POINTER, STRING]);
export const objectFindMap = declare<Find>('bpf_object__find_map_by_name', POINTER, [POINTER, STRING]);

// BTF of an object

export const btfFindByNameKind = declare<(btf: Address, name: string, kind: number) => number>(
  'btf__find_by_name_kind',
  'int',
  [POINTER, STRING, 'uint32_t'],
);
export const btfTypeById = declare<(btf: Address, id: number) => NullableAddress>('btf__type_by_id', POINTER, [
  POINTER,
  'uint32_t',
]);
export const btfNameByOffset = declare<(btf: Address, offset: number) => string>('btf__name_by_offset', STRING, [
  POINTER,
  'uint32_t',
]);

/** `count` 32-bit words at `address`. */
export function readWords(address: Address, count: number): Uint32Array {
  return Uint32Array.from(koffi.decode(address, 'uint32_t', count) as ArrayLike<number>);
}

// Programs

export const programName = declare<Look<string>>('bpf_program__name', STRING, [POINTER]);
export const programSection = declare<Look<string>>('bpf_program__section_name', STRING, [POINTER]);
export const programFd = declare<Look<number>>('bpf_program__fd', 'int', [POINTER]);
export const programAutoload = declare<Look<boolean>>('bpf_program__autoload', 'bool', [POINTER]);
export const programSetAutoload = declare<(program: Address, value: boolean) => number>(
  'bpf_program__set_autoload',
  'int',
  [POINTER, 'bool'],
);
export const programSetType = declare<Set>('bpf_program__set_type', 'int', [POINTER, 'int']);
export const programSetExpectedAttachType = declare<Set>('bpf_program__set_expected_attach_type', 'int', [
  POINTER,
  'int',
]);
export const programSetAttachTarget = declare<(program: Address, targetFd: number, name: string) => number>(
  'bpf_program__set_attach_target',
  'int',
  [POINTER, 'int', STRING],
);
export const programInstructionCount = declare<Look<number>>('bpf_program__insn_cnt', 'size_t', [POINTER]);

/** Writes the type and the expected attach type of a section name into `type` and `attachType`. */
export const programTypeByName = declare<(section: string, type: Int32Array, attachType: Int32Array) => number>(
  'libbpf_prog_type_by_name',
  'int',
  [STRING, POINTER, POINTER],
);

// Maps

export const mapName = declare<Look<string>>('bpf_map__name', STRING, [POINTER]);
export const mapIsInternal = declare<Look<boolean>>('bpf_map__is_internal', 'bool', [POINTER]);
export const mapFd = declare<Look<number>>('bpf_map__fd', 'int', [POINTER]);
export const mapMaxEntries = declare<Look<number>>('bpf_map__max_entries', 'uint32_t', [POINTER]);
export const mapValueSize = declare<Look<number>>('bpf_map__value_size', 'uint32_t', [POINTER]);
export const mapReuseFd = declare<Set>('bpf_map__reuse_fd', 'int', [POINTER, 'int']);
export const mapSetMaxEntries = declare<Set>('bpf_map__set_max_entries', 'int', [POINTER, 'uint32_t']);
export const mapSetValueSize = declare<Set>('bpf_map__set_value_size', 'int', [POINTER, 'uint32_t']);
export const mapSetInnerMapFd = declare<Set>('bpf_map__set_inner_map_fd', 'int', [POINTER, 'int']);
export const mapSetAutocreate = declare<(map: Address, value: boolean) => number>('bpf_map__set_autocreate', 'int', [
  POINTER,
  'bool',
]);
export const mapPin = declare<(map: Address, path: string) => number>('bpf_map__pin', 'int', [POINTER, STRING]);

/** The memory of an internal map before load; its size goes to `size`. */
export const mapInitialValue = declare<(map: Address, size: BigUint64Array) => NullableAddress>(
  'bpf_map__initial_value',
  POINTER,
  [POINTER, POINTER],
);

// Attaching: each returns a link or null

const attachKprobeOpts = declare<(program: Address, name: string, options: object) => NullableAddress>(
  'bpf_program__attach_kprobe_opts',
  POINTER,
  [POINTER, STRING, koffi.pointer(kprobeOptions)],
);
export function programAttachKprobe(program: Address, name: string, retprobe: boolean): NullableAddress {
  return attachKprobeOpts(program, name, { sz: kprobeOptions.size, bpf_cookie: 0, offset: 0, retprobe });
}

const attachKprobeMultiOpts = declare<(program: Address, pattern: null, options: object) => NullableAddress>(
  'bpf_program__attach_kprobe_multi_opts',
  POINTER,
  [POINTER, STRING, koffi.pointer(kprobeMultiOptions)],
);
export function programAttachKprobeMulti(
  program: Address,
  names: readonly string[],
  retprobe: boolean,
): NullableAddress {
  return attachKprobeMultiOpts(program, null, {
    sz: kprobeMultiOptions.size,
    syms: [...names],
    addrs: null,
    cookies: null,
    cnt: names.length,
    retprobe,
  });
}

type AttachNamed = (program: Address, name: string) => NullableAddress;
export const programAttachTrace = declare<Look<NullableAddress>>('bpf_program__attach_trace', POINTER, [POINTER]);
export const programAttachLsm = declare<Look<NullableAddress>>('bpf_program__attach_lsm', POINTER, [POINTER]);
export const programAttachTracepoint = declare<(program: Address, subsystem: string, event: string) => NullableAddress>(
  'bpf_program__attach_tracepoint',
  POINTER,
  [POINTER, STRING, STRING],
);
export const programAttachRawTracepoint = declare<AttachNamed>('bpf_program__attach_raw_tracepoint', POINTER, [
  POINTER,
  STRING,
]);
export const programAttachCgroup = declare<(program: Address, cgroupFd: number) => NullableAddress>(
  'bpf_program__attach_cgroup',
  POINTER,
  [POINTER, 'int'],
);
export const programAttachUprobe = declare<
  (program: Address, retprobe: boolean, pid: number, binary: string, offset: number) => NullableAddress
>('bpf_program__attach_uprobe', POINTER, [POINTER, 'bool', 'int', STRING, 'size_t']);

// Links

export const linkFd = declare<Look<number>>('bpf_link__fd', 'int', [POINTER]);
export const linkPin = declare<(link: Address, path: string) => number>('bpf_link__pin', 'int', [POINTER, STRING]);
/** Makes the destruction of the link leave the program attached, if something else, such as a pin, holds the link. */
export const linkDisconnect = declare<Look<void>>('bpf_link__disconnect', 'void', [POINTER]);
export const linkDestroy = declare<Look<number>>('bpf_link__destroy', 'int', [POINTER]);
