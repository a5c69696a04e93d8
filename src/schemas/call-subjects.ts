import { isIP } from 'node:net';
import { protocolNumbers } from '../policy/network-names.ts';
import { fileName } from './conversions.ts';
import { isObject, type Json, type JsonObject, objectAt, textAt } from './json.ts';

/** A file that a call is about. */
export interface CallFile {
  readonly path: string;
  readonly name: string;
  /** As `ls` writes it: `-rw-r--r--`. */
  readonly permission?: string;
}

const fileKeys = ['file_arg', 'path_arg', 'linux_binprm_arg'];

/** The files among the arguments, in their order; those whose path is empty do not count. */
export function filesOf(args: readonly JsonObject[]): CallFile[] {
  return args.flatMap((argument) => fileKeys.flatMap((key) => callFile(objectAt(argument, key))));
}

/** Texts among the arguments taken as paths, as calls have them that take names. */
export function namedFilesOf(args: readonly JsonObject[]): CallFile[] {
  return args.flatMap((argument) => callFile({ path: argument['string_arg'] }));
}

function callFile(file: JsonObject | undefined): CallFile[] {
  const path = textAt(file, 'path');
  if (path === undefined) return [];
  const permission = textAt(file, 'permission');
  return [{ path, name: fileName(path)!, ...(permission !== undefined && { permission }) }];
}

/** The first number among the arguments. */
export function firstNumber(args: readonly JsonObject[]): number | undefined {
  for (const argument of args) {
    const value = argument['int_arg'] ?? argument['uint_arg'];
    if (typeof value === 'number') return value;
  }
  return undefined;
}

export interface CallEndpoint {
  readonly ip?: string;
  readonly port?: number;
  /** Path of a unix socket. */
  readonly path?: string;
}

/** A connection that a call is about, seen from this host. */
export interface CallConnection {
  readonly local?: CallEndpoint;
  readonly remote?: CallEndpoint;
  /** `tcp` */
  readonly transport?: string;
  readonly protocol?: number;
  /** 4 or 6 */
  readonly ipVersion?: 4 | 6;
  readonly cookie?: string;
}

/**
 * What the arguments say of a connection; undefined when they name no end of one. `localAddress` tells that an address
 * argument is this host's own, as for bind.
 */
export function connectionOf(args: readonly JsonObject[], localAddress: boolean): CallConnection | undefined {
  const sock = firstObject(args, 'sock_arg') ?? firstObject(args, 'skb_arg');
  const address = firstObject(args, 'sockaddr_arg');
  const unixPath = textAt(firstObject(args, 'sockaddrun_arg'), 'path');
  const named = unixPath === undefined ? endpoint(address, 'addr', 'port') : { path: unixPath };
  const local = (localAddress ? named : undefined) ?? endpoint(sock, 'saddr', 'sport');
  const remote = (localAddress ? undefined : named) ?? endpoint(sock, 'daddr', 'dport');
  if (local === undefined && remote === undefined) return undefined;
  const protocol = textAt(sock, 'protocol');
  const number = protocol === undefined ? undefined : protocolNumbers.get(protocol);
  const ipVersion = versionOf(local?.ip ?? remote?.ip);
  const cookie = textAt(sock, 'cookie');
  return {
    ...(local && { local }),
    ...(remote && { remote }),
    ...(number !== undefined && { protocol: number, transport: protocol!.slice('IPPROTO_'.length).toLowerCase() }),
    ...(ipVersion && { ipVersion }),
    ...(cookie !== undefined && { cookie }),
  };
}

/** An address that is not bound yet says nothing. */
function endpoint(from: JsonObject | undefined, address: string, port: string): CallEndpoint | undefined {
  const ip = textAt(from, address);
  const number = from?.[port];
  const bound = typeof number === 'number' && Number.isInteger(number) && number > 0 && number < 2 ** 16;
  if (ip === undefined || isIP(ip) === 0 || (!bound && /^[0.:]+$/.test(ip))) return undefined;
  return { ip, ...(bound && { port: number }) };
}

function versionOf(ip: string | undefined): 4 | 6 | undefined {
  if (ip === undefined) return undefined;
  return ip.includes(':') ? 6 : 4;
}

/** A resource of the kernel that a call makes: a BPF program or map, a kernel module. */
export interface KernelResource {
  readonly name: string;
  readonly type: string;
}

export function kernelResourceOf(args: readonly JsonObject[]): KernelResource | undefined {
  const program = firstObject(args, 'bpf_attr_arg') ?? firstObject(args, 'bpf_prog_arg');
  if (program !== undefined)
    return { name: textAt(program, 'ProgName') ?? textAt(program, 'ProgType') ?? 'bpf', type: 'BPF Program' };
  const map = firstObject(args, 'bpf_map_arg');
  if (map !== undefined) return { name: textAt(map, 'MapName') ?? textAt(map, 'MapType') ?? 'bpf', type: 'BPF Map' };
  const perf = firstObject(args, 'perf_event_arg');
  if (perf !== undefined)
    return { name: textAt(perf, 'KprobeFunc') ?? textAt(perf, 'Type') ?? 'perf', type: 'Perf Event' };
  return undefined;
}

/** Name of the kernel module that a call is about: a module argument, else the first text. */
export function kernelModuleOf(args: readonly JsonObject[]): string | undefined {
  const module = textAt(firstObject(args, 'module_arg'), 'name');
  if (module !== undefined) return module;
  for (const argument of args) {
    const name = textAt(argument, 'string_arg');
    if (name !== undefined) return name;
  }
  return undefined;
}

/** What a return value says; undefined where it is no number, or there is none. */
export function returnedNumber(event: JsonObject): number | undefined {
  const value = objectAt(event, 'return');
  const number: Json | undefined = value?.['int_arg'] ?? value?.['long_arg'];
  if (typeof number !== 'number' && typeof number !== 'string') return undefined;
  const result = Number(number);
  return Number.isSafeInteger(result) ? result : undefined;
}

function firstObject(args: readonly JsonObject[], key: string): JsonObject | undefined {
  for (const argument of args) {
    const value = argument[key];
    if (isObject(value)) return value;
  }
  return undefined;
}
