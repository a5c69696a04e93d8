import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { attachSection } from '../../src/agent/attach-section.ts';
import { AttachedHook } from '../../src/agent/attached-hook.ts';
import { FunctionBuilder, R0, R1, R2, R3, R4, R6, R10 } from '../../src/ebpf/function-builder.ts';
import { type HelperName, helpers } from '../../src/ebpf/helper-ids.ts';
import { type SubprogramSpec, writeObject } from '../../src/ebpf/object-writer.ts';
import { BPF_F_MMAPABLE, BpfMap } from '../../src/kernel/bpf-map.ts';
import { BpfObject } from '../../src/kernel/bpf-object.ts';
import { KernelError } from '../../src/kernel/kernel-error.ts';
import { addressOf } from '../../src/kernel/libc.ts';
import { programStats, RunStatistics } from '../../src/kernel/program-stats.ts';
import { testRun } from '../../src/kernel/test-run.ts';
import { repositoryRoot } from '../vm/repository-root.ts';

// Prints the numbers in src/cost/machine-costs.ts and src/cost/helper-costs.ts as they are counted where this runs:
// make vm KERNEL=6.12 ICOUNT=1 APPEND='mitigations=off lsm=landlock,lockdown,capability,bpf' CMD='node test/cost/measure-costs.ts'
// With the argument `attach` only what it takes to get into programs and back.

const repeat = 32;
const mapTypes = { hash: 1, array: 2, percpuArray: 6, ring: 27 } as const;
const maps = [
  { name: 'processes', type: mapTypes.hash, keySize: 4, valueSize: 64, maxEntries: 32768 },
  { name: 'pending', type: mapTypes.hash, keySize: 16, valueSize: 8, maxEntries: 16384 },
  { name: 'frames', type: mapTypes.array, keySize: 4, valueSize: 64, maxEntries: 4 },
  { name: 'stats', type: mapTypes.percpuArray, keySize: 4, valueSize: 8, maxEntries: 4 },
  { name: 'events', type: mapTypes.ring, keySize: 0, valueSize: 0, maxEntries: 1 << 24 },
];

const userText = Buffer.from(new ArrayBuffer(4096));
userText.write('/etc/passwd\0');
userText.fill('a', 1024, 1024 + 100);
const shortText = addressOf(userText);
const longText = shortText + 1024n;

/** `call` is false when everything but the thing itself is written: the difference is its cost. */
interface Case {
  readonly what: string;
  readonly emit: (code: FunctionBuilder, call: boolean) => void;
  readonly prepare?: (code: FunctionBuilder) => void;
}

const stackAddress = (code: FunctionBuilder, register: 1 | 2 | 3, at: number) =>
  code.movReg(register, R10).aluImm('add', register, -at);

function helper(name: HelperName, what: string, setUp: (code: FunctionBuilder) => void = () => {}): Case {
  return {
    what: `${name}${what}`,
    emit: (code, call) => {
      setUp(code);
      if (call) code.callHelper(helpers[name].id);
    },
  };
}

const lookUp = (map: string) => (code: FunctionBuilder) => stackAddress(code, R2, 32).loadMapPointer(R1, map);
const enter = (map: string) => (code: FunctionBuilder) =>
  stackAddress(stackAddress(code, R2, 32), R3, 128)
    .movImm(R4, 0)
    .loadMapPointer(R1, map);
const copy = (size: number, from: bigint | undefined) => (code: FunctionBuilder) => {
  stackAddress(code, R1, 320).movImm(R2, size);
  if (from === undefined) code.movReg(R3, R6);
  else code.loadImm64(R3, from);
};

const cases: readonly Case[] = [
  { what: 'move', emit: (code, call) => void (call && code.movImm(R0, 0)) },
  { what: '64-bit immediate', emit: (code, call) => void (call && code.loadImm64(R2, 1n << 40n)) },
  {
    what: 'conditional jump',
    emit: (code, call) => {
      const next = code.newLabel();
      if (call) code.jumpImm('eq', R6, 1, next);
      code.movImm(R0, 0).place(next);
    },
  },
  { what: 'call of a function of one move', emit: (code, call) => void (call && code.callFunction('leaf')) },
  {
    what: 'the same with five instructions, three saved registers and a stack',
    emit: (code, call) => {
      code.movReg(R1, R6);
      if (call) code.callFunction('saver');
    },
  },
  ...(['get_current_pid_tgid', 'get_smp_processor_id', 'get_current_task', 'get_current_task_btf'] as const).map(
    (name) => helper(name, ''),
  ),
  ...(['ktime_get_ns', 'ktime_get_boot_ns', 'get_current_cgroup_id'] as const).map((name) => helper(name, '')),
  ...['frames', 'stats'].map((map) => helper('map_lookup_elem', ` in ${map}`, lookUp(map))),
  ...['processes', 'pending'].map((map) => helper('map_lookup_elem', ` in ${map}, missing`, lookUp(map))),
  {
    ...helper('map_lookup_elem', ' in pending, found', lookUp('pending')),
    prepare: (code) => enter('pending')(code).callHelper(helpers.map_update_elem.id),
  },
  helper('map_update_elem', ' in pending', enter('pending')),
  {
    what: 'map_update_elem and map_delete_elem in pending',
    emit: (code, call) => {
      enter('pending')(code);
      if (call) code.callHelper(helpers.map_update_elem.id);
      lookUp('pending')(code);
      if (call) code.callHelper(helpers.map_delete_elem.id);
    },
  },
  ...[0, 1, 4, 8, 16, 64, 256].map((size) => helper('probe_read_kernel', ` of ${size}`, copy(size, undefined))),
  ...[8, 16, 64].map((size) => helper('probe_read_user', ` of ${size}`, copy(size, shortText))),
  helper('probe_read_user_str', ' of 12 with room for 16', copy(16, shortText)),
  helper('probe_read_user_str', ' of 12 with room for 256', copy(256, shortText)),
  helper('probe_read_user_str', ' of 101 with room for 256', copy(256, longText)),
  ...[16, 64, 256].map((size) => helper('probe_read_kernel_str', ` of ${size}`, kernelText(size))),
  ...[64, 128, 256].map((size) =>
    helper('ringbuf_output', ` of ${size}`, (code) =>
      stackAddress(code, R2, 384).movImm(R3, size).movImm(R4, 0).loadMapPointer(R1, 'events'),
    ),
  ),
  {
    what: 'ringbuf_reserve and ringbuf_submit of 64',
    emit: (code, call) => {
      const reserved = code.newLabel();
      code.movImm(R2, 64).movImm(R3, 0).loadMapPointer(R1, 'events');
      if (!call) return;
      code.callHelper(helpers.ringbuf_reserve.id).jumpImm('ne', R0, 0, reserved).exit().place(reserved);
      code.movReg(R1, R0).movImm(R2, 0).callHelper(helpers.ringbuf_submit.id);
    },
  },
  /* Ignored by default. */
  helper('send_signal', ' (SIGURG)', (code) => void code.movImm(R1, 23)),
];

/** The stack, filled with letters, ends the string after `size` bytes. */
function kernelText(size: number): (code: FunctionBuilder) => void {
  return (code) => stackAddress(stackAddress(code, R1, 320).movImm(R2, size), R3, 320);
}

function measureCase({ emit, prepare }: Case): number {
  const [without, withCall] = [false, true].map((call) => {
    const code = new FunctionBuilder('measured');
    code.movReg(R6, R1);
    for (let at = 8; at <= 384; at += 8) code.loadImm64(R1, 0x6161_6161_6161_6161n).store(8, R10, -at, R1);
    prepare?.(code);
    code.movImm(R0, 0);
    for (let round = 0; round < repeat; round++) emit(code, call);
    code.callFunction('leaf').movReg(R1, R6).callFunction('saver').movImm(R0, 0).exit();
    return timeObject(
      writeObject({
        license: 'Dual BSD/GPL',
        defaultSource: 'measured',
        programs: [{ section: 'raw_tp/sys_enter', function: code.build() }],
        functions: subprograms(),
        externs: [],
        maps,
      }),
    ).get('measured')!;
  });
  return (withCall! - without!) / repeat;
}

function subprograms(): SubprogramSpec[] {
  const leaf = new FunctionBuilder('leaf').movImm(R0, 0).exit().build();
  const saver = new FunctionBuilder('saver').movReg(R6, R1).movReg(7, R1).movReg(8, R1).storeImm(8, R10, -64, 0);
  return [
    { function: leaf, parameterCount: 0 },
    { function: saver.movImm(R0, 0).exit().build(), parameterCount: 1 },
  ];
}

/** Nanoseconds of one run of each program, the best of many. */
function timeObject(bytes: Uint8Array): Map<string, number> {
  using object = BpfObject.open(bytes, 'measured');
  object.load();
  return new Map(object.programNames().map((name) => [name, timeProgram(object.program(name).fd)]));
}

function timeProgram(fd: number): number {
  const runs = Array.from({ length: 40 }, () => {
    const before = programStats(fd).runTimeNs;
    testRun(fd, { context: new Uint8Array(16) });
    return programStats(fd).runTimeNs - before;
  });
  return Math.min(...runs);
}

function compileC(): Uint8Array {
  const clang = execFileSync(path.join(repositoryRoot, 'scripts/find-clang.sh'), { encoding: 'utf8' }).trim();
  const source = path.join(import.meta.dirname, 'measured.bpf.c');
  const output = '/tmp/jatai-measured.o';
  const include = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  execFileSync(clang, ['-target', 'bpf', '-O2', '-g', '-mcpu=v3', '-I', include, '-c', source, '-o', output]);
  return readFileSync(output);
}

function measureC(): void {
  const times = timeObject(compileC());
  const difference = (more: string, less: string) => (times.get(more)! - times.get(less)!) / 64;
  print('load through a checked pointer, with an offset', difference('loads_with_offset', 'loads_none'));
  print('the same without', difference('loads_without_offset', 'loads_none'));
  print('turn of bpf_loop, with a function of one move', difference('turns_128', 'turns_64'));
}

const folder = '/run/jatai-cost';
const sections: readonly (readonly [section: string, call: string])[] = [
  ['fentry/security_file_open', 'open'],
  ['lsm/file_open', 'open'],
  ['fmod_ret/security_file_open', 'open'],
  ['fexit/security_file_open', 'open'],
  ['kprobe/security_file_open', 'open'],
  ['kretprobe/security_file_open', 'open'],
  ['tp/syscalls/sys_enter_openat', 'open'],
  ['tp/syscalls/sys_exit_openat', 'open'],
  ['raw_tp/sys_enter', 'getppid'],
  ['tp/raw_syscalls/sys_enter', 'getppid'],
];

function measureAttaching(): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'file'), 'x');
  using generation = BpfMap.create({
    type: 'array',
    name: 'generation',
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
    flags: BPF_F_MMAPABLE,
  });
  for (const [section, call] of sections) attempt(section, () => measureSection(section, call, generation));
}

function measureSection(section: string, call: string, generation: BpfMap): void {
  const empty = new FunctionBuilder('empty').movImm(R0, 0).exit().build();
  const programs = [{ section, function: empty }];
  const parts = { functions: [], externs: [], maps: [] };
  using object = BpfObject.open(
    writeObject({ license: 'Dual BSD/GPL', defaultSource: 'empty', programs, ...parts }),
    'empty',
  );
  object.load();
  const base = timeCalls(call);
  const link = attachSection(object.program('empty'));
  print(`${section}, the smallest program`, timeCalls(call) - base);
  link.close();
  const hook = AttachedHook.load(section, generation);
  hook.attach();
  hook.setEveryProgram(object.program('empty').fd);
  print(`${section}, behind a dispatcher`, timeCalls(call) - base);
  hook.close();
}

function timeCalls(call: string): number {
  const program = path.join(repositoryRoot, 'build/programs/time-calls');
  return Number(execFileSync(program, [call, '1000', path.join(folder, 'file')], { encoding: 'utf8' }));
}

function print(what: string, cost: number): void {
  process.stdout.write(`${what.padEnd(70)} ${cost.toFixed(1).padStart(8)}\n`);
}

/** What a kernel lacks is said in its place. */
function attempt(what: string, measure: () => void): void {
  try {
    measure();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    process.stdout.write(`${what}: ${error.message}\n`);
  }
}

function measurePrograms(): void {
  using _statistics = new RunStatistics();
  for (const each of cases) attempt(each.what, () => print(each.what, measureCase(each)));
  attempt('typed pointers and loops', measureC);
}

if (process.argv[2] !== 'attach') measurePrograms();
measureAttaching();
