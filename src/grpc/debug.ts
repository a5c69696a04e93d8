import type protobuf from 'protobufjs';
import { ByteArena } from '../events/byte-arena.ts';
import { referencesOf } from '../events/processes/process-cache.ts';
import type { DebugRequest } from './messages.ts';
import type { Access, UnaryMethod } from './method.ts';
import { ProcessMessageEncoder, refcntField, tidField } from './process-message.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import type { ServedAgent } from './served-agent.ts';
import { StatusError } from './status.ts';

type DumpOptions = NonNullable<DebugRequest['dump']>;
type DebugMethods = Readonly<Record<string, readonly [Access, UnaryMethod<DebugRequest, object>]>>;

/** `GetDebug` and `SetDebug`: level of the agent's own log, and what it knows of processes. */
export function debugMethods(root: protobuf.Root, agent: ServedAgent): DebugMethods {
  const get = ({ flag = 'CONFIG_FLAG_LOG_LEVEL', dump = {} }: DebugRequest) => {
    if (flag === 'CONFIG_FLAG_LOG_LEVEL') return { flag, level: agent.logLevel.get() };
    if (flag !== 'CONFIG_FLAG_DUMP_PROCESS_CACHE')
      throw new StatusError('INVALID_ARGUMENT', `There is no flag ${flag} to get`);
    return { flag, processes: { processes: dumpProcesses(root.lookupType('tetragon.Process'), agent, dump) } };
  };
  const set = ({ flag = 'CONFIG_FLAG_LOG_LEVEL', level }: DebugRequest) => {
    if (flag !== 'CONFIG_FLAG_LOG_LEVEL') throw new StatusError('INVALID_ARGUMENT', `${flag} cannot be set`);
    if (level === undefined) throw new StatusError('INVALID_ARGUMENT', 'The log level is missing');
    if (typeof level === 'number') throw new StatusError('INVALID_ARGUMENT', `There is no log level ${level}`);
    agent.logLevel.set(level);
    return { flag, level };
  };
  return { GetDebug: ['read', get], SetDebug: ['change', set] };
}

/**
 * A process as a dump shows it: of arguments that are longer than usual only their beginning, and nothing of what else may
 * be as long. Clients take 10 MiB for all processes; their events had everything.
 */
export function shorten(process: Readonly<Record<string, unknown>>): object {
  const { arguments: text = '', environment_variables: _, arguments_list: __, ...rest } = process;
  if (JSON.stringify(process).length <= longestProcess) return process;
  return { ...rest, arguments: `${String(text).slice(0, longestArguments)}...` };
}

const longestProcess = 16 * 1024;
const longestArguments = 4096;

/** Processes that the kernel's map has are those that live. */
function dumpProcesses(type: protobuf.Type, agent: ServedAgent, options: DumpOptions): object[] {
  const encoder = new ProcessMessageEncoder(agent.encoding(), new ByteArena());
  const writer = new ProtobufWriter();
  const wanted = [...agent.processes()].filter(
    (process) =>
      !(options.skip_zero_refcnt === true && referencesOf(process) === 0) &&
      !(options.exclude_execve_map_processes === true && !process.ended),
  );
  return wanted.map((process) => {
    const { bytes, middle } = encoder.encode(process);
    writer.reset();
    writer.raw(bytes.subarray(0, middle));
    writer.wrappedUint(tidField, process.tgid);
    writer.raw(bytes.subarray(middle));
    writer.uint(refcntField, referencesOf(process));
    return {
      process: shorten(type.toObject(type.decode(writer.take()))),
      color: process.ended ? 'deletePending' : 'inUse',
      refcnt: { value: referencesOf(process) },
      refcnt_ops: { 'process++': 1, 'process--': process.ended ? 1 : 0, 'parent++': process.children },
    };
  });
}
