import koffi from 'koffi';

/**
 * The C library by FFI: the calls Node.js does not offer. Pointers are `bigint`, a null pointer is `null`; a call that
 * fails leaves its error number for `koffi.errno()`, which `throwLastError` in `kernel-error.ts` reads.
 */
const libc = koffi.load('libc.so.6');

/** `syscall(number, a, b, c, ...)` for system calls that take (int, pointer, size), such as bpf(2). */
export const syscallPointer = libc.func('long syscall(long number, long a, void *b, unsigned long c)') as (
  number: number,
  first: number,
  memory: Uint8Array | null,
  size: number,
) => number;

/** perf_event_open(2): `syscall(number, attr, pid, cpu, group, flags)`. */
export const syscallPerfEventOpen = libc.func(
  'long syscall(long number, void *attr, int pid, int cpu, int group, unsigned long flags)',
) as (number: number, attr: Uint8Array, pid: number, cpu: number, group: number, flags: number) => number;

/** fsopen(2), fsconfig(2) and fsmount(2), which this C library may be too old to have. */
export const syscallFsopen = libc.func('long syscall(long number, const char *type, unsigned int flags)') as (
  number: number,
  type: string,
  flags: number,
) => number;
export const syscallFsconfig = libc.func(
  'long syscall(long number, int fd, unsigned int command, const char *key, const void *value, int aux)',
) as (number: number, fd: number, command: number, key: null, value: null, aux: number) => number;
export const syscallFsmount = libc.func(
  'long syscall(long number, int fd, unsigned int flags, unsigned int attributes)',
) as (number: number, fd: number, flags: number, attributes: number) => number;

/** Returns the address, or -1; addresses above 2^53 come as `bigint`. */
export const mmap = libc.func(
  'intptr_t mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)',
) as (
  address: bigint | null,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number | bigint;

export const munmap = libc.func('int munmap(void *addr, size_t length)') as (address: bigint, length: number) => number;

/** Ends the process at once, whatever its threads wait for: `process.exit` waits for those of the pool. */
export const exitNow = libc.func('void _exit(int status)') as (status: number) => void;

/** Gives free memory of the heap back to the system, but for `pad` bytes at its end. */
export const mallocTrim = libc.func('int malloc_trim(size_t pad)') as (pad: number) => number;

export const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)') as (
  name: string,
  flags: number,
) => number;

export const mount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
) as (source: string, target: string, type: string, flags: number, data: null) => number;

export const ioctl = libc.func('int ioctl(int fd, unsigned long request, unsigned long argument)') as (
  fd: number,
  request: number,
  argument: number,
) => number;

/** Sockets of kinds that Node.js does not offer, such as unix datagrams. */
export const socket = libc.func('int socket(int domain, int type, int protocol)') as (
  domain: number,
  type: number,
  protocol: number,
) => number;

export const sendto = libc.func(
  'long sendto(int fd, const void *data, size_t length, int flags, const void *address, unsigned int addressLength)',
) as (
  fd: number,
  data: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array | null,
  addressLength: number,
) => number;

export const connect = libc.func('int connect(int fd, const void *address, unsigned int addressLength)') as (
  fd: number,
  address: Uint8Array,
  addressLength: number,
) => number;

export const flock = libc.func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;

const pthreadSigmask = libc.func('int pthread_sigmask(int how, const void *set, void *old)') as (
  how: number,
  set: Uint8Array,
  old: Uint8Array | null,
) => number;

const SIGNAL_SET_BYTES = 128;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

/** Runs `call` while no signal but SIGKILL and SIGSTOP interrupts this thread; they are delivered afterwards. */
export function withoutSignals<Result>(call: () => Result): Result {
  const all = Buffer.alloc(SIGNAL_SET_BYTES, 0xff);
  const before = Buffer.alloc(SIGNAL_SET_BYTES);
  pthreadSigmask(SIG_BLOCK, all, before);
  try {
    return call();
  } finally {
    pthreadSigmask(SIG_SETMASK, before, null);
  }
}

export const prctl = libc.func(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
) as (option: number, a: number, b: number, c: number, d: number) => number;

/** `header` is version and thread; `sets` effective, permitted and inheritable capabilities below 32, then those above. */
export const capset = libc.func('int capset(void *header, const void *sets)') as (
  header: Uint32Array,
  sets: Uint32Array,
) => number;

/** `limit` holds the soft and the hard limit as two u64. */
export const setrlimit = libc.func('int setrlimit(int resource, void *limit)') as (
  resource: number,
  limit: BigUint64Array,
) => number;

/** `time` receives seconds and nanoseconds as two i64. */
export const clockGettime = libc.func('int clock_gettime(int clock, void *time)') as (
  clock: number,
  time: BigInt64Array,
) => number;

/** `arguments_` is a `va_list`, which every ABI in use passes as a pointer. */
export const vsnprintf = libc.func('int vsnprintf(void *text, size_t size, const char *format, void *arguments)') as (
  text: Uint8Array,
  size: number,
  format: bigint,
  arguments_: bigint,
) => number;

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
/** Replaces what is mapped at the address. */
export const MAP_FIXED = 0x10;
export const MFD_CLOEXEC = 1;
export const AF_UNIX = 1;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0o2_000_000;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const CLOCK_REALTIME = 0;
export const CLOCK_BOOTTIME = 7;
export const RLIMIT_MEMLOCK = 8;
export const LOCK_EX = 2;
export const LOCK_NB = 4;

/** Size of a memory page; x86_64 has one size, arm64 kernels are built with 4, 16 or 64 KB. */
export const pageSize = (libc.func('long sysconf(int name)') as (name: number) => number)(30);

/** The error number of the last call through this module or `libbpf.ts`. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The address of the bytes of `memory`, which must stay referenced while the address is in use. */
export function addressOf(memory: Uint8Array): bigint {
  return koffi.address(memory);
}

/** An `ArrayBuffer` over foreign memory: valid as long as the memory is mapped; detach it (`transfer(0)`) before unmapping. */
export function viewMemory(address: bigint, length: number): ArrayBuffer {
  if (address === 0n) {
    throw new RangeError('viewMemory: the address is null');
  }
  return koffi.view(address, length);
}

/** Stops when it is collected: keep a reference. `start` takes the options and the callback again. */
export type PollHandle = ReturnType<typeof koffi.node.poll>;

/** Calls `onReadable` from the event loop, again and again, while `fd` is readable. */
export function pollReadable(fd: number, onReadable: () => void): PollHandle {
  return koffi.node.poll(fd, { readable: true }, onReadable);
}

/** Calls `onWritable` from the event loop, again and again, while `fd` takes bytes. */
export function pollWritable(fd: number, onWritable: () => void): PollHandle {
  return koffi.node.poll(fd, { writable: true }, onWritable);
}
