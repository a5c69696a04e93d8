import { expect, test } from 'vitest';
import type { HookPlan } from '../../src/compiler/hook-plan.ts';
import type { HookRecord } from '../../src/events/decode.ts';
import { fileValue, sockaddrValue, sockValue, valueStatus } from '../../src/events/wire.ts';
import { type ConcreteType, domainOf } from '../../src/policy/argument-types.ts';
import type { InputValue } from '../../src/policy/reference-evaluator.ts';
import { InputMemory } from './input-memory.ts';
import { integerTypes, type TestParameter } from './parameters.ts';
import { randomPools } from './pools.ts';
import { Random } from './random.ts';
import { InputGenerator } from './random-inputs.ts';
import { setUp } from './setup.ts';
import type { PlanSketch } from './sketch.ts';
import { planSketch } from './test-plan.ts';

/** One of each shape, in slots from the first to the last. */
const parameters: readonly TestParameter[] = [
  { shape: 'number', types: integerTypes },
  { shape: 'text', types: ['string'] },
  { shape: 'path', types: ['file'] },
  { shape: 'socket', types: ['sock'] },
  { shape: 'sockaddr', types: ['sockaddr'] },
  { shape: 'text', types: ['filename'] },
  { shape: 'path', types: ['linux_binprm'] },
  { shape: 'path', types: ['dentry'] },
  { shape: 'socket', types: ['socket'] },
];

/** A policy for each integer type, all of which report everything else as well. */
const sketch: PlanSketch = {
  policies: integerTypes.map((type) => {
    const args = parameters.map(({ types }, index) => ({ index, type: index === 0 ? type : types[0]! }));
    return { name: type, mode: 'enforce', hooks: [{ args, selectors: [] }] };
  }),
  hostNamespaces: {},
};

/** What the record has to say of a value of the given type. */
function expectedBytes(type: ConcreteType, value: InputValue): { status: number; bytes: Buffer } {
  switch (value.kind) {
    case 'unreadable':
      return { status: valueStatus.UNREADABLE, bytes: unreadableBytes(type) };
    case 'integer':
      return { status: 0, bytes: integerBytes(type, value.value) };
    case 'string':
      return { status: 0, bytes: Buffer.from(value.value) };
    case 'path':
      return { status: valueStatus.DELETED, bytes: pathBytes(value.mode, value.value) };
    case 'socket':
      return { status: 0, bytes: socketBytes(type, value) };
    default:
      return value satisfies never;
  }
}

function unreadableBytes(type: ConcreteType): Buffer {
  const isPath = type === 'file' || type === 'linux_binprm' || type === 'dentry';
  return isPath ? pathBytes(0, new Uint8Array(0)) : Buffer.alloc(0);
}

function integerBytes(type: ConcreteType, register: bigint): Buffer {
  const { signed, bits } = domainOf(type);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, signed ? BigInt.asIntN(bits, register) : BigInt.asUintN(bits, register)));
  return bytes;
}

function pathBytes(mode: number, path: Uint8Array): Buffer {
  const header = Buffer.alloc(fileValue.size);
  header.writeUInt32LE(mode, fileValue.at.mode);
  header.writeUInt32LE(path.length, fileValue.at.path_length);
  return Buffer.concat([header, path]);
}

function socketBytes(type: ConcreteType, socket: Extract<InputValue, { kind: 'socket' }>): Buffer {
  const isAddress = type === 'sockaddr';
  const bytes = Buffer.alloc(isAddress ? sockaddrValue.size : sockValue.size);
  bytes.set(socket.saddr, sockValue.at.saddr);
  if (!isAddress) bytes.set(socket.daddr, sockValue.at.daddr);
  const fields = isAddress
    ? (['sport', 'family'] as const)
    : (['sport', 'family', 'dport', 'protocol', 'state'] as const);
  for (const field of fields) bytes.writeUInt32LE(socket[field], sockValue.at[field]);
  return bytes;
}

function checkRecord(plan: HookPlan, record: HookRecord, values: readonly InputValue[]): void {
  for (const { id, type, source } of plan.values) {
    if (source.kind !== 'parameter') throw new Error(`${source.kind} is not a parameter`);
    const { status, bytes } = expectedBytes(type, values[source.index]!);
    const { start, length, status: got } = record.values[id]!;
    expect({ type, status: got }).toEqual({ type, status });
    if (!record.buffer.subarray(start, start + length).equals(bytes)) {
      expect({ type, bytes: record.buffer.toString('hex', start, start + length) }).toEqual({
        type,
        bytes: bytes.toString('hex'),
      });
    }
  }
}

test('records hold the values as they were passed', { timeout: 60_000 }, (context) => {
  using setup = setUp(context);
  const random = new Random(7);
  const plan = planSketch(sketch, setup.host.facts);
  expect(plan.values).toHaveLength(integerTypes.length + parameters.length - 1);
  using filter = setup.host.load(plan);
  const memory = new InputMemory();
  const source = { random, parameters, pools: randomPools(random), process: setup.process };
  const inputs = new InputGenerator(source, sketch);
  for (let count = 0; count < 2000; count++) {
    const { values } = inputs.next();
    memory.write(parameters, values);
    let records = 0;
    filter.runWithRecord(memory.context, (record) => {
      records++;
      checkRecord(plan, record, values);
    });
    expect(records).toBe(1);
  }
});
