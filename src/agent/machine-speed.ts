import { calibrationProgram } from '../cost/calibration.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { testRun } from '../kernel/test-run.ts';

const repeat = 2000;
const rounds = 15;
/** The shortest packet that the kernel takes. */
const packet = new Uint8Array(64);

/**
 * Nanoseconds of one machine instruction here and now: the best of several runs of a program that is known, made by
 * BPF_PROG_TEST_RUN. Takes some 50 ms. Throws a KernelError.
 */
export function instructionTimeNs(): number {
  const program = calibrationProgram();
  using object = BpfObject.open(program.object, 'calibration');
  object.load();
  const map = object.map(program.map).open();
  for (let key = 0; key < program.keys; key++) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(key);
    map.update(bytes, new Uint8Array(program.valueSize));
  }
  const { fd } = object.program(program.name);
  const times = Array.from({ length: rounds }, () => testRun(fd, { data: packet, repeat }).durationNs);
  return Math.min(...times) / program.instructions;
}
