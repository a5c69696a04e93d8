import type { ArgumentType } from './model.ts';

/** Every spelling of a type that is compiled, and the type it stands for. */
export const argumentTypes: ReadonlyMap<string, ArgumentType> = new Map<string, ArgumentType>([
  ['auto', 'auto'],
  ['int', 'sint32'],
  ['sint8', 'sint8'],
  ['int8', 'sint8'],
  ['sint16', 'sint16'],
  ['int16', 'sint16'],
  ['sint32', 'sint32'],
  ['int32', 'sint32'],
  ['sint64', 'sint64'],
  ['int64', 'sint64'],
  ['long', 'sint64'],
  ['uint8', 'uint8'],
  ['uint16', 'uint16'],
  ['uint32', 'uint32'],
  ['uint64', 'uint64'],
  ['ulong', 'uint64'],
  ['size_t', 'uint64'],
  ['string', 'string'],
  ['filename', 'filename'],
  ['fd', 'fd'],
  ['file', 'file'],
  ['path', 'path'],
  ['dentry', 'dentry'],
  ['linux_binprm', 'linux_binprm'],
  ['sock', 'sock'],
  ['socket', 'socket'],
  ['sockaddr', 'sockaddr'],
  ['cred', 'cred'],
  ['user_namespace', 'user_namespace'],
  ['capability', 'capability'],
  ['char_buf', 'char_buf'],
  ['syscall64', 'syscall64'],
  ['nop', 'nop'],
]);

/** Types the language knows and the compiler does not, with what to use instead. */
export const notCompiledTypes: Readonly<Record<string, string>> = {
  char_iovec: 'Use "nop" to leave the argument out.',
  iov_iter: 'Use "nop" to leave the argument out.',
  const_buf: 'It is not for policies: use "auto" on a tracepoint field.',
  kiocb: 'Hook a function that receives the "file" itself, such as security_file_permission.',
  skb: 'Hook a function that receives the "sock", such as tcp_connect.',
  sockaddr_un: 'Use "sockaddr" on IPv4 and IPv6 sockets.',
  net_device: 'Use "nop" to leave the argument out.',
  kernel_cap_t: 'Use "cred", or matchCapabilities to filter on them.',
  cap_inheritable: 'Use "cred", or matchCapabilities to filter on them.',
  cap_permitted: 'Use "cred", or matchCapabilities to filter on them.',
  cap_effective: 'Use "cred", or matchCapabilities to filter on them.',
  load_info: 'Use "nop" to leave the argument out.',
  module: 'Use "nop" to leave the argument out.',
  bpf_attr: 'Use "nop" to leave the argument out; the command of bpf(2) is an "int".',
  bpf_prog: 'Use "nop" to leave the argument out.',
  bpf_map: 'Use "nop" to leave the argument out.',
  perf_event: 'Use "nop" to leave the argument out.',
  bpf_cmd: 'Use "int": the number of the command.',
  data_loc: 'Use "string".',
};

export type ConcreteType = Exclude<ArgumentType, 'auto'>;

/** What an argument's value is, for filters. */
export type TypeFamily = 'integer' | 'string' | 'socket' | 'sockaddr' | 'none';

export function familyOf(type: ConcreteType): TypeFamily {
  switch (type) {
    case 'sint8':
    case 'sint16':
    case 'sint32':
    case 'sint64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
    case 'syscall64':
    case 'capability':
      return 'integer';
    case 'string':
    case 'filename':
    case 'file':
    case 'path':
    case 'fd':
    case 'dentry':
    case 'linux_binprm':
      return 'string';
    case 'sock':
    case 'socket':
      return 'socket';
    case 'sockaddr':
      return 'sockaddr';
    case 'cred':
    case 'user_namespace':
    case 'char_buf':
    case 'nop':
      return 'none';
    default:
      return type satisfies never;
  }
}

/** True for the types whose value is an absolute path. */
export function isPathType(type: ConcreteType): boolean {
  return familyOf(type) === 'string' && type !== 'string' && type !== 'filename';
}

export interface Domain {
  readonly signed: boolean;
  readonly bits: number;
  readonly min: bigint;
  readonly max: bigint;
}

const integersBehind: Partial<Record<ConcreteType, string>> = { syscall64: 'uint64', capability: 'sint32' };

/** The values an integer type can have. Throws for other types: callers ask `familyOf` first. */
export function domainOf(type: ConcreteType): Domain {
  const match = /^([su])int(8|16|32|64)$/.exec(integersBehind[type] ?? type);
  if (match === null) throw new Error(`${type} is not an integer type`);
  const bits = Number(match[2]);
  const signed = match[1] === 's';
  const span = 1n << BigInt(bits);
  return signed ? { signed, bits, min: -span / 2n, max: span / 2n - 1n } : { signed, bits, min: 0n, max: span - 1n };
}
