import { frameValue, sockaddrValue, sockValue, valueStatus } from '../../src/events/wire.ts';
import { stableBytes } from '../../src/kernel/bpf-syscall.ts';
import { addressOf } from '../../src/kernel/libc.ts';
import type { InputValue } from '../../src/policy/reference-evaluator.ts';
import { parameterCount, type Shape, type TestParameter } from './parameters.ts';

/** For each parameter: one `frame_value`, then room for the longest string. */
const valueStride = 4096 + 64;
const dataOffset = 32;

/**
 * Inputs where the program under test finds them (`read_given` in bpf/kprobes/read-values.h): a parameter that is not a
 * number is the address of a `frame_value`, whose `number` is the address of the bytes.
 */
export class InputMemory {
  /** What BPF_PROG_TEST_RUN hands to the program. */
  readonly context = stableBytes(8 * parameterCount);
  readonly #values = stableBytes(valueStride * parameterCount);
  readonly #address = addressOf(this.#values);

  write(parameters: readonly TestParameter[], values: readonly InputValue[]): void {
    for (const [index, value] of values.entries()) {
      if (value.kind === 'integer') {
        this.context.writeBigUInt64LE(BigInt.asUintN(64, value.value), 8 * index);
        continue;
      }
      const at = valueStride * index;
      this.context.writeBigUInt64LE(this.#address + BigInt(at), 8 * index);
      this.#writeValue(at, parameters[index]!.shape, value);
    }
  }

  #writeValue(at: number, shape: Shape, value: Exclude<InputValue, { kind: 'integer' }>): void {
    const data = at + dataOffset;
    switch (value.kind) {
      case 'unreadable':
        this.#writeHeader(at, 0, valueStatus.UNREADABLE, 0);
        break;
      case 'string':
        this.#values.set(value.value, data);
        this.#writeHeader(at, value.value.length, 0, 0);
        break;
      case 'path':
        this.#values.set(value.value, data);
        this.#writeHeader(at, value.value.length, valueStatus.DELETED | valueStatus.UNRESOLVED, value.mode);
        break;
      case 'socket':
        this.#writeSocket(data, shape, value);
        this.#writeHeader(at, shape === 'sockaddr' ? sockaddrValue.size : sockValue.size, 0, 0);
        break;
      default:
        value satisfies never;
    }
  }

  #writeHeader(at: number, length: number, status: number, mode: number): void {
    this.#values.writeBigUInt64LE(this.#address + BigInt(at + dataOffset), at + frameValue.at.number);
    this.#values.writeUInt32LE(length, at + frameValue.at.length);
    this.#values.writeUInt32LE(status, at + frameValue.at.status);
    this.#values.writeUInt32LE(mode, at + frameValue.at.mode);
  }

  #writeSocket(at: number, shape: Shape, socket: Extract<InputValue, { kind: 'socket' }>): void {
    this.#values.fill(0, at, at + sockValue.size);
    this.#values.set(socket.saddr, at + sockValue.at.saddr);
    this.#values.writeUInt32LE(socket.sport, at + sockValue.at.sport);
    this.#values.writeUInt32LE(socket.family, at + sockValue.at.family);
    if (shape === 'sockaddr') return;
    this.#values.set(socket.daddr, at + sockValue.at.daddr);
    for (const field of ['dport', 'protocol', 'state'] as const) {
      this.#values.writeUInt32LE(socket[field], at + sockValue.at[field]);
    }
  }
}
