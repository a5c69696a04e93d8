import type { ConcreteType } from '../policy/argument-types.ts';
import type { ValueSource } from './hook-plan.ts';

/** Estimated instructions to read a value of each kind; only their order matters. */
const readCosts = {
  number: 3,
  pid: 8,
  task: 40,
  binary: 45,
  socket: 150,
  string: 160,
  path: 470,
  stack: 2000,
} as const;

/** Equal for sources that give the same value. */
export function sourceKey(source: ValueSource): string {
  switch (source.kind) {
    case 'parameter':
      return source.sizeIndex === undefined
        ? `parameter ${source.index}`
        : `buffer ${source.index} ${source.sizeIndex}`;
    case 'field':
      return `field ${source.field.name}`;
    case 'namespace':
      return `namespace ${source.namespace}`;
    case 'capabilities':
      return source.set;
    case 'stack':
      return `${source.of} stack`;
    case 'pid':
    case 'namespacePid':
    case 'binary':
      return source.kind;
    default:
      return source satisfies never;
  }
}

/** Whether a value needs room for a string in the frame. */
export function usesSlot(source: ValueSource, type: ConcreteType): boolean {
  return source.kind !== 'binary' && readCost(source, type) >= readCosts.socket;
}

export function readCost(source: ValueSource, type: ConcreteType): number {
  switch (source.kind) {
    case 'stack':
      return readCosts.stack;
    case 'pid':
      return readCosts.pid;
    case 'namespacePid':
    case 'namespace':
    case 'capabilities':
      return readCosts.task;
    case 'binary':
      return readCosts.binary;
    default:
  }
  switch (type) {
    case 'file':
    case 'path':
    case 'fd':
    case 'dentry':
    case 'linux_binprm':
      return readCosts.path;
    case 'string':
    case 'filename':
    case 'char_buf':
      return readCosts.string;
    case 'sock':
    case 'socket':
    case 'sockaddr':
    case 'cred':
    case 'user_namespace':
      return readCosts.socket;
    default:
      return readCosts.number;
  }
}
