import { frameValue, sockaddrValue, sockValue, valueStatus } from '../../src/events/wire.ts';
import { stableBytes } from '../../src/kernel/bpf-syscall.ts';
import { addressOf } from '../../src/kernel/libc.ts';
import type { InputValue } from '../../src/policy/reference-evaluator.ts';
import { parameterCount, type Shape, type TestParameter } from './parameters.ts';

/** For each parameter: one `frame_value`, then room for the longest string. */
const valueStride = 4096 + 64;
const dataOffset = 32;
const unmappedAddress = 8n;
const afInet6 = 10;

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
        this.#setNumber(index, value.value);
        continue;
      }
      this.#setAddress(index, 0);
      this.#writeValue(valueStride * index, parameters[index]!.shape, value);
    }
  }

  /** As the kernel's own readers expect them: strings and `struct sockaddr` in the memory of the process. */
  writeReal(values: readonly InputValue[]): void {
    for (const [index, value] of values.entries()) {
      const at = valueStride * index;
      this.#setAddress(index, 0);
      switch (value.kind) {
        case 'integer':
          this.#setNumber(index, value.value);
          break;
        case 'unreadable':
          this.#setNumber(index, unmappedAddress);
          break;
        case 'string':
          this.#values.set(value.value, at);
          this.#values[at + value.value.length] = 0;
          break;
        case 'socket':
          this.#writeSockaddr(at, value);
          break;
        case 'path':
          throw new Error('paths are read from structures of the kernel');
        default:
          value satisfies never;
      }
    }
  }

  #setNumber(index: number, value: bigint): void {
    this.context.writeBigUInt64LE(BigInt.asUintN(64, value), 8 * index);
  }

  #setAddress(index: number, offset: number): void {
    this.#setNumber(index, this.#address + BigInt(valueStride * index + offset));
  }

  #writeSockaddr(at: number, { family, saddr, sport }: Extract<InputValue, { kind: 'socket' }>): void {
    this.#values.fill(0, at, at + 28);
    this.#values.writeUInt16LE(family, at);
    this.#values.writeUInt16BE(sport, at + 2);
    this.#values.set(family === afInet6 ? saddr : saddr.subarray(0, 4), at + (family === afInet6 ? 8 : 4));
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
        this.#writeHeader(at, value.value.length, valueStatus.DELETED, value.mode);
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
