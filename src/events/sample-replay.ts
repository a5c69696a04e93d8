import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { capabilityNumber } from '../policy/capabilities.ts';
import { familyNumbers, protocolNumbers, stateNumbers } from '../policy/network-names.ts';
import { EventPipeline } from './event-pipeline.ts';
import type { EventArgument, EventHook, EventPlan, KprobeAction } from './event-plan.ts';
import type { EventSink } from './event-sink.ts';
import type { ProcessEncoderOptions } from './json/process-encoder.ts';
import {
  bufferBytes,
  credentialsBytes,
  type ExecFields,
  execBytes,
  exitBytes,
  fileBytes,
  hookBytes,
  numberBytes,
  returnBytes,
  sockaddrBytes,
  sockBytes,
  userNamespaceBytes,
} from './test-record.ts';
import { namespaceOrder, processFlags, valueStatus } from './wire.ts';

/**
 * Events that Tetragon 1.8-dev wrote, one line of JSON each, without `refcnt` (debugging) and `ancestors` (off by
 * default).
 */
export const sampleLines: readonly string[] = readFileSync(
  new URL('testdata/tetragon-events.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n');

// biome-ignore lint/suspicious/noExplicitAny: the samples have many shapes
export type Json = any;

const bootToWallNs = 1_795_150_718_822_743_326n;

/** What a sample is about, for the name of a test. */
export function sampleTitle(sample: Json): string {
  const kind = Object.keys(sample)[0]!;
  const event = sample[kind];
  return [kind, event.function_name ?? event.event, event.policy_name, event.process.binary].filter(Boolean).join(' ');
}

/**
 * Sends the records that our kernel programs would have sent for an event of Tetragon through a pipeline with `sinks`,
 * which are given what encoders need.
 */
export function replaySample(sample: Json, sinks: (encoding: () => ProcessEncoderOptions) => EventSink[]): void {
  const kind = Object.keys(sample)[0]!;
  const event = sample[kind];
  const full = event.process.cap !== undefined;
  const pipeline: EventPipeline = new EventPipeline({
    nodeName: sample.node_name,
    bootToWallNs,
    sinks: sinks(() => pipeline.encoding),
    withCredentials: full,
    withNamespaces: full,
    hostNamespaces: namespaceOrder.map((name) => event.process.ns?.[name]?.inum ?? 0),
  });
  const send = (bytes: Buffer): void => void pipeline.handle(bytes, 0, bytes.length);
  if (event.parent !== undefined) send(execBytes(execFields(event.parent)));
  if (event.process.exec_id !== event.parent?.exec_id) send(execBytes(execFields(event.process)));
  const header = execFields(event.process);
  if (kind === 'process_exit') send(exitBytes({ ...header, code: event.signal === 'SIGKILL' ? 9 : 0 }));
  if (event.policy_name !== undefined) {
    pipeline.addPlan(planOf(kind, event));
    const callId = event.return === undefined ? 0n : 77n;
    send(hookBytes({ ...header, planId: 5, matches: [2], values: event.args.map(recordValue), callId }));
    if (callId !== 0n) send(returnBytes({ ...header, callId, value: BigInt(event.return.int_arg) }));
  }
  const { decodeErrors, unknownProcesses } = pipeline.counters();
  expect({ decodeErrors, unknownProcesses }).toEqual({
    decodeErrors: { truncated: 0, inconsistent: 0, unknownKind: 0 },
    unknownProcesses: 0,
  });
}

/** The exec record of a `process` block. Flags of every kind are sent in it, `procFS` too. */
function execFields(process: Json): ExecFields {
  const self = execId(process.exec_id);
  const parent = execId(process.parent_exec_id);
  const isKernel = process.pid === 0;
  return {
    ktime: self.ktime,
    execKtime: self.ktime,
    tgid: process.pid,
    parentKtime: parent.ktime,
    parentTgid: parent.tgid,
    flags: flagBits(process.flags),
    uid: process.uid,
    auid: process.auid,
    binary: process.binary,
    cwd: process.cwd ?? '',
    argv: isKernel ? [] : ['argv0', ...argvOf(process.arguments ?? '')],
    credentials: {
      ...(process.process_credentials ?? {}),
      permitted: capabilityMask(process.cap?.permitted),
      effective: capabilityMask(process.cap?.effective),
      inheritable: capabilityMask(process.cap?.inheritable),
    },
    namespaces: namespaceOrder.map((name) => process.ns?.[name]?.inum ?? 0),
  };
}

/** Undoes the quoting of `arguments`. */
function argvOf(text: string): string[] {
  return [...text.trimStart().matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

function execId(id: string): { ktime: bigint; tgid: number } {
  const [, ktime, tgid] = Buffer.from(id, 'base64').toString().split(':');
  return { ktime: BigInt(ktime!), tgid: Number(tgid) };
}

function flagBits(words: string): number {
  const bits: Record<string, number> = {
    execve: processFlags.EXECVE,
    procFS: processFlags.PROCFS,
    rootcwd: processFlags.ROOT_CWD,
    clone: processFlags.CLONE,
  };
  return words.split(' ').reduce((flags, word) => flags | bits[word]!, 0);
}

function capabilityMask(names: string[] | undefined): bigint {
  return (names ?? []).reduce((mask, name) => mask | (1n << BigInt(capabilityNumber(name)!)), 0n);
}

function planOf(kind: string, event: Json): EventPlan {
  const args: EventArgument[] = event.args.map((argument: Json, index: number) => ({
    value: index,
    type: argumentType(argument),
    spelledType: '',
    label: argument.label ?? '',
  }));
  const hook: EventHook = {
    policyName: event.policy_name,
    policyNamespace: undefined,
    event: kind.replace('process_', '') as EventHook['event'],
    functionName: event.function_name ?? '',
    subsystem: event.subsys ?? '',
    tracepoint: event.event ?? '',
    args,
    returnArg: event.return && { value: -1, type: 'sint32', spelledType: 'int', label: '' },
    message: event.message ?? '',
    tags: event.tags ?? [],
  };
  const selector = {
    hook,
    index: 0,
    label: '',
    post: true,
    action: event.action as KprobeAction,
    monitoredAction: undefined,
    returnFilters: [],
  };
  const other = { ...selector, hook: { ...hook, policyName: 'other' } };
  return { planId: 5, values: args.map(({ type }) => ({ type })), selectors: [other, other, selector] };
}

function argumentType(argument: Json): EventArgument['type'] {
  const types: Record<string, EventArgument['type']> = {
    int_arg: 'sint32',
    uint_arg: 'uint32',
    long_arg: 'sint64',
    size_arg: 'uint64',
    string_arg: 'string',
    file_arg: 'file',
    path_arg: 'path',
    linux_binprm_arg: 'linux_binprm',
    sock_arg: 'sock',
    sockaddr_arg: 'sockaddr',
    process_credentials_arg: 'cred',
    user_ns_arg: 'user_namespace',
    capability_arg: 'capability',
    bytes_arg: 'char_buf',
    syscall_id: 'syscall64',
  };
  return types[Object.keys(argument)[0]!]!;
}

function recordValue(argument: Json): { bytes: Buffer; status?: number } {
  const [field, value] = Object.entries<Json>(argument)[0]!;
  switch (field) {
    case 'string_arg':
      return { bytes: Buffer.from(value) };
    case 'file_arg':
    case 'path_arg':
    case 'linux_binprm_arg': {
      const path = value.path.replace(/ \(deleted\)$/, '');
      const status = path === value.path ? 0 : valueStatus.DELETED;
      return { bytes: fileBytes(path, modeOf(value.permission)), status };
    }
    case 'sock_arg':
      return { bytes: sockBytes(sockFields(value)) };
    case 'sockaddr_arg':
      return {
        bytes: sockaddrBytes({
          saddr: ipv4(value.addr),
          sport: value.port,
          family: familyNumbers.get(value.family)!,
        }),
      };
    case 'process_credentials_arg':
      return { bytes: credentialsBytes(credentialFields(value)) };
    case 'user_ns_arg':
      return {
        bytes: userNamespaceBytes({ level: value.level, owner: value.uid, group: value.gid, inum: value.ns.inum }),
      };
    case 'capability_arg':
      return { bytes: numberBytes(value.value) };
    case 'bytes_arg':
      return { bytes: bufferBytes(Buffer.from(value, 'base64')) };
    case 'syscall_id':
      return { bytes: numberBytes(value.id) };
    default:
      return { bytes: numberBytes(BigInt(value)) };
  }
}

function sockFields(sock: Json): Parameters<typeof sockBytes>[0] {
  return {
    cookie: BigInt(sock.cookie),
    saddr: ipv4(sock.saddr),
    daddr: ipv4(sock.daddr),
    sport: sock.sport ?? 0,
    dport: sock.dport ?? 0,
    family: familyNumbers.get(sock.family)!,
    type: sock.type === 'SOCK_STREAM' ? 1 : 2,
    protocol: protocolNumbers.get(sock.protocol)!,
    state: stateNumbers.get(sock.state)!,
  };
}

function credentialFields(value: Json): Parameters<typeof credentialsBytes>[0] {
  const { securebits, caps, user_ns: userNamespace, ...ids } = value;
  return {
    ...ids,
    permitted: capabilityMask(caps.permitted),
    effective: capabilityMask(caps.effective),
    inheritable: capabilityMask(caps.inheritable),
    securebits: securebits?.includes('SecBitKeepCaps') ? 16 : 0,
    user_ns_level: userNamespace.level,
    user_ns_owner: userNamespace.uid,
    user_ns_group: userNamespace.gid,
    user_ns_inum: userNamespace.ns.inum,
  };
}

function ipv4(address: string): Uint8Array {
  return Uint8Array.from(address.split('.').map(Number));
}

/** The mode of an `ls` permission string without special bits. */
function modeOf(permission: string): number {
  const types: Record<string, number> = { '-': 0o100000, d: 0o040000, c: 0o020000 };
  const bits = [...permission.slice(-9)].reduce((mode, letter) => (mode << 1) | (letter === '-' ? 0 : 1), 0);
  return bits | (permission.length === 10 ? types[permission[0]!]! : 0);
}
