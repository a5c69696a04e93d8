import type protobuf from 'protobufjs';
import { ByteArena } from '../events/byte-arena.ts';
import type { DebugRequest } from './messages.ts';
import type { Access, UnaryMethod } from './method.ts';
import { ProcessMessageEncoder, tidField } from './process-message.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import type { ServedAgent } from './served-agent.ts';
import { StatusError } from './status.ts';

type DebugMethods = Readonly<Record<string, readonly [Access, UnaryMethod<DebugRequest, object>]>>;

/** `GetDebug` and `SetDebug`: level of the agent's own log, and what it knows of processes. */
export function debugMethods(root: protobuf.Root, agent: ServedAgent): DebugMethods {
  const get = ({ flag = 'CONFIG_FLAG_LOG_LEVEL' }: DebugRequest) => {
    if (flag === 'CONFIG_FLAG_LOG_LEVEL') return { flag, level: agent.logLevel.get() };
    return { flag, processes: { processes: dumpProcesses(root.lookupType('tetragon.Process'), agent) } };
  };
  const set = ({ flag = 'CONFIG_FLAG_LOG_LEVEL', level }: DebugRequest) => {
    if (flag !== 'CONFIG_FLAG_LOG_LEVEL') throw new StatusError('INVALID_ARGUMENT', `${flag} cannot be set`);
    if (level === undefined) throw new StatusError('INVALID_ARGUMENT', 'The log level is missing');
    agent.logLevel.set(level);
    return { flag, level };
  };
  return { GetDebug: ['read', get], SetDebug: ['change', set] };
}

/** Our cache counts no references: a process is there as long as it lives, and some seconds longer. */
function dumpProcesses(type: protobuf.Type, agent: ServedAgent): object[] {
  const encoder = new ProcessMessageEncoder(agent.encoding(), new ByteArena());
  const writer = new ProtobufWriter();
  return Array.from(agent.processes(), (process) => {
    const { bytes, middle } = encoder.encode(process);
    writer.reset();
    writer.raw(bytes.subarray(0, middle));
    writer.wrappedUint(tidField, process.tgid);
    writer.raw(bytes.subarray(middle));
    const refcnt = process.ended ? 0 : 1;
    return {
      process: type.toObject(type.decode(writer.take())),
      color: process.ended ? 'white' : 'black',
      refcnt: { value: refcnt },
    };
  });
}
