import { expect, type TestContext, test } from 'vitest';
import { FunctionBuilder, R0 } from '../ebpf/function-builder.ts';
import { writeObject } from '../ebpf/object-writer.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { testRun } from '../kernel/test-run.ts';
import { dispatcherMaps, generationSlots, writeDispatcher } from './dispatcher.ts';

const section = 'raw_tp/sched_process_exec';

/** Stands for the program of one generation. */
function returning(value: number): BpfObject {
  const code = new FunctionBuilder(`returns_${value}`).movImm(R0, value).exit().build();
  const bytes = writeObject({
    license: 'Dual BSD/GPL',
    defaultSource: 'test',
    programs: [{ section, function: code }],
    functions: [],
    externs: [],
    maps: [],
  });
  const object = BpfObject.open(bytes, 'generation');
  object.load();
  return object;
}

const bytes32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);

function skipWithoutRoot(context: TestContext): void {
  if (process.getuid?.() !== 0) context.skip('loading BPF programs needs root');
}

test('a dispatcher runs the program of the active generation', (context) => {
  skipWithoutRoot(context);
  using dispatcher = BpfObject.open(writeDispatcher(section, 'd_exec'), 'dispatcher');
  dispatcher.load();
  using first = returning(11);
  using second = returning(22);
  using slots = dispatcher.map(dispatcherMaps.slots).open();
  using generation = dispatcher.map(dispatcherMaps.generation).open();
  expect(slots.maxEntries).toBe(generationSlots);
  const active = new Uint32Array(generation.mmap());
  const run = () => testRun(dispatcher.program('d_exec').fd, { context: new Uint8Array(96) }).returnValue;

  expect(run()).toBe(0);
  slots.update(bytes32(0), bytes32(first.program('returns_11').fd));
  slots.update(bytes32(1), bytes32(second.program('returns_22').fd));
  expect(run()).toBe(11);
  active[0] = 1;
  expect(run()).toBe(22);
  active[0] = 0;
  slots.delete(bytes32(1));
  expect(run()).toBe(11);
});

test('a generation without a program here lets the call pass', (context) => {
  skipWithoutRoot(context);
  using dispatcher = BpfObject.open(writeDispatcher(section, 'd_exec'), 'dispatcher');
  dispatcher.load();
  using generation = dispatcher.map(dispatcherMaps.generation).open();
  new Uint32Array(generation.mmap())[0] = generationSlots + 5;
  expect(testRun(dispatcher.program('d_exec').fd, { context: new Uint8Array(96) }).returnValue).toBe(0);
});
