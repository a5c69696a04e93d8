import { constants } from 'node:os';
import { lastErrno } from './libc.ts';

/** Numbers that are not in the C library's table: libbpf's own from 4000, and the kernel's ENOTSUPP. */
const PRIVATE_ERROR_NAMES: Readonly<Record<number, string>> = {
  524: 'ENOTSUPP',
  4000: 'LIBBPF_ERRNO__LIBELF',
  4001: 'LIBBPF_ERRNO__FORMAT',
  4002: 'LIBBPF_ERRNO__KVERSION',
  4003: 'LIBBPF_ERRNO__ENDIAN',
  4004: 'LIBBPF_ERRNO__INTERNAL',
  4005: 'LIBBPF_ERRNO__RELOC',
  4006: 'LIBBPF_ERRNO__LOAD',
  4007: 'LIBBPF_ERRNO__VERIFY',
  4008: 'LIBBPF_ERRNO__PROG2BIG',
  4009: 'LIBBPF_ERRNO__KVER',
  4010: 'LIBBPF_ERRNO__PROGTYPE',
};

const ERROR_NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'EOPNOTSUPP')
    .map(([name, number]): [number, string] => [number, name]),
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
  ...Object.entries(PRIVATE_ERROR_NAMES).map(([number, name]): [number, string] => [Number(number), name]),
]);

export interface KernelErrorDetail {
  /** What was asked of the kernel, with its subject: `attach kprobe "vfs_read"`. */
  readonly call: string;
  /** Positive error number; 0 when the failure has none. */
  readonly errno: number;
  /** What to do about it; a default for the number is used when missing. */
  readonly hint?: string;
  /** The verifier's whole log, when a program was refused. */
  readonly verifierLog?: string;
  /** A line to add to the message, such as what libbpf said. */
  readonly reason?: string;
}

/** The kernel or libbpf refused a call. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly call: string;
  readonly errno: number;
  readonly errnoName: string;
  readonly hint: string;
  readonly verifierLog?: string;

  constructor(detail: KernelErrorDetail) {
    const errnoName = nameOfErrno(detail.errno);
    const hint = detail.hint ?? hintForErrno(detail.errno);
    super(`${detail.call}: ${[detail.reason, errnoName].filter(Boolean).join(': ')}${hint ? ` (${hint})` : ''}`);
    this.call = detail.call;
    this.errno = detail.errno;
    this.errnoName = errnoName;
    this.hint = hint;
    if (detail.verifierLog) {
      this.verifierLog = detail.verifierLog;
    }
  }
}

/** `EPERM` for 1; libbpf's own numbers have names too. The empty string for 0. */
export function nameOfErrno(errno: number): string {
  return errno === 0 ? '' : (ERROR_NAMES.get(errno) ?? `errno ${errno}`);
}

/** Throws a KernelError with the error number the last FFI call left. */
export function throwLastError(call: string, hint?: string): never {
  throw new KernelError({ call, errno: lastErrno(), ...(hint === undefined ? {} : { hint }) });
}

/** Returns `result`, or throws when it is negative: -1 with the number in errno, or libbpf's `-errno`. */
export function checkResult(call: string, result: number, hint?: string): number {
  if (result >= 0) {
    return result;
  }
  const errno = result === -1 ? lastErrno() || 1 : -result;
  throw new KernelError({ call, errno, ...(hint === undefined ? {} : { hint }) });
}

function hintForErrno(errno: number): string {
  switch (nameOfErrno(errno)) {
    case 'EPERM':
      return 'run as root or with CAP_BPF, CAP_PERFMON and CAP_SYS_RESOURCE; on kernels before 5.11 raise the memlock limit; check that kernel lockdown is off';
    case 'EACCES':
      return 'the verifier refused the program, or the kernel forbids this hook; see the verifier log';
    case 'EINVAL':
      return 'the kernel does not know this program, map or attach type, or the verifier refused the program';
    case 'E2BIG':
      return 'too many programs on this hook (38 per trampoline, all tools together), or the program is too large; remove other programs with `bpftool prog`';
    case 'ENOENT':
    case 'ESRCH':
      return 'no such function, tracepoint or BTF type in this kernel; look in /proc/kallsyms and /sys/kernel/btf/vmlinux';
    case 'EEXIST':
      return 'something of that name is there already; remove the old pin or program';
    case 'EBUSY':
      return 'the hook or object is in use by another tool, or two trampolines of different kinds meet on one function';
    case 'EOPNOTSUPP':
    case 'ENOTSUPP':
    case 'ENOSYS':
      return 'this kernel was built without that feature; `jatai probe` lists what it has';
    case 'ENOMEM':
      return 'out of memory: on kernels before 5.11 raise the memlock limit, else reduce map sizes';
    case 'ENOSPC':
      return 'the map is full or the verifier log did not fit';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many open files: raise the nofile limit';
    case 'EBADF':
      return 'the file descriptor is closed';
    default:
      return '';
  }
}
