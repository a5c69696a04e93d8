import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';

/** For tests of this folder only: the few calls of libbpf that prove generated objects on the running kernel. */

const libbpf = koffi.load('libbpf.so.1');
const libc = koffi.load('libc.so.6');

/** `struct bpf_test_run_opts` of libbpf 1.1. */
const testRunOptions = koffi.struct('TestRunOptions', {
  sz: 'size_t',
  data_in: 'void *',
  data_out: 'void *',
  data_size_in: 'uint32_t',
  data_size_out: 'uint32_t',
  ctx_in: 'void *',
  ctx_out: 'void *',
  ctx_size_in: 'uint32_t',
  ctx_size_out: 'uint32_t',
  retval: 'uint32_t',
  repeat: 'int',
  duration: 'uint32_t',
  flags: 'uint32_t',
  cpu: 'uint32_t',
  batch_size: 'uint32_t',
});

const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');
const setPrint = libbpf.func('void *libbpf_set_print(void *print)');
const linkerNew = libbpf.func('void *bpf_linker__new(const char *filename, void *opts)');
const linkerAddFile = libbpf.func('int bpf_linker__add_file(void *linker, const char *filename, void *opts)');
const linkerFinalize = libbpf.func('int bpf_linker__finalize(void *linker)');
const linkerFree = libbpf.func('void bpf_linker__free(void *linker)');
const objectOpen = libbpf.func('void *bpf_object__open_mem(void *bytes, size_t size, void *opts)');
const objectLoad = libbpf.func('int bpf_object__load(void *object)');
const objectClose = libbpf.func('void bpf_object__close(void *object)');
const findProgram = libbpf.func('void *bpf_object__find_program_by_name(void *object, const char *name)');
const programFd = libbpf.func('int bpf_program__fd(void *program)');
const setLogBuffer = libbpf.func('int bpf_program__set_log_buf(void *program, void *log, size_t size)');
const setLogLevel = libbpf.func('int bpf_program__set_log_level(void *program, uint32_t level)');
const testRun = libbpf.func('int bpf_prog_test_run_opts(int fd, _Inout_ TestRunOptions *options)');

/** Compiles BPF C with clang, as the runtime that is shipped is compiled. */
export function compileRuntime(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-ebpf-'));
  try {
    const input = join(folder, 'runtime.c');
    const output = join(folder, 'runtime.o');
    writeFileSync(input, source);
    execFileSync('clang-19', ['-target', 'bpf', '-mcpu=v3', '-O2', '-g', '-Wall', '-c', input, '-o', output]);
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Joins objects with libbpf's static linker. */
export function linkObjects(objects: readonly Uint8Array[]): Uint8Array {
  const output = memfd('linked', new Uint8Array(0));
  const inputs = objects.map((object, index) => memfd(`input${index}`, object));
  const linker = linkerNew(`/proc/self/fd/${output}`, null);
  try {
    for (const fd of inputs) check('bpf_linker__add_file', linkerAddFile(linker, `/proc/self/fd/${fd}`, null));
    check('bpf_linker__finalize', linkerFinalize(linker));
    return readFileSync(`/proc/self/fd/${output}`);
  } finally {
    linkerFree(linker);
    for (const fd of [output, ...inputs]) closeSync(fd);
  }
}

export interface RunResult {
  /** 0, or the negative errno of `bpf_object__load`. */
  readonly loadError: number;
  /** What the verifier said about the program. */
  readonly log: string;
  /** Result of the program on each context; empty when it was not loaded. */
  readonly results: number[];
}

const logBytes = 1 << 20;

/** Loads an object quietly and runs one of its programs on contexts of 64-bit words by BPF_PROG_TEST_RUN. */
export function runProgram(object: Uint8Array, name: string, contexts: readonly (readonly bigint[])[]): RunResult {
  setPrint(null);
  const handle = objectOpen(object, object.length, null);
  if (handle === null) throw new Error('bpf_object__open_mem failed');
  const log = koffi.alloc('char', logBytes);
  try {
    const program = findProgram(handle, name);
    if (program === null) throw new Error(`no program ${name} in the object`);
    setLogBuffer(program, log, logBytes);
    setLogLevel(program, 2);
    const loadError: number = objectLoad(handle);
    const results = loadError === 0 ? contexts.map((context) => runOnce(programFd(program), context)) : [];
    return { loadError, log: koffi.decode(log, 'char', logBytes), results };
  } finally {
    objectClose(handle);
    koffi.free(log);
  }
}

function runOnce(fd: number, context: readonly bigint[]): number {
  const words = BigUint64Array.from(context);
  const options = { sz: koffi.sizeof(testRunOptions), ctx_in: words, ctx_size_in: words.byteLength, retval: 0 };
  check('bpf_prog_test_run_opts', testRun(fd, options));
  return options.retval;
}

function memfd(name: string, bytes: Uint8Array): number {
  const fd: number = memfdCreate(name, 0);
  check('memfd_create', fd);
  writeSync(fd, bytes);
  return fd;
}

function check(call: string, result: number): void {
  if (result < 0) throw new Error(`${call} returned ${result}`);
}
