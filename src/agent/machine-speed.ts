import { calibrationProgram } from '../cost/calibration.ts';
import { FunctionBuilder, R0 } from '../ebpf/function-builder.ts';
import { writeObject } from '../ebpf/object-writer.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { programStats } from '../kernel/program-stats.ts';
import { testRun } from '../kernel/test-run.ts';

const repeat = 2000;
const rounds = 15;
const emptyRuns = 200;
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

/**
 * Nanoseconds that the kernel counts for a run of a program that does nothing: what reading the clock takes. Needs
 * `RunStatistics`. Throws a KernelError.
 */
export function measuringTimeNs(): number {
  const code = new FunctionBuilder('nothing').movImm(R0, 0).exit().build();
  const programs = [{ section: 'raw_tp/sys_enter', function: code }];
  const parts = { license: 'Dual BSD/GPL', defaultSource: 'nothing', functions: [], externs: [], maps: [] };
  using object = BpfObject.open(writeObject({ ...parts, programs }), 'nothing');
  object.load();
  const { fd } = object.program(code.name);
  const times = Array.from({ length: emptyRuns }, () => {
    const before = programStats(fd).runTimeNs;
    testRun(fd);
    return programStats(fd).runTimeNs - before;
  });
  return Math.min(...times);
}
