import { closeSync } from 'node:fs';
import { Handle } from './handle.ts';
import { checkResult, KernelError } from './kernel-error.ts';
import {
  linkDestroy,
  linkDisconnect,
  linkFd,
  linkPin,
  type NullableAddress,
  programAttachCgroup,
  programAttachKprobe,
  programAttachKprobeMulti,
  programAttachLsm,
  programAttachRawTracepoint,
  programAttachTrace,
  programAttachTracepoint,
  programAttachUprobe,
} from './libbpf.ts';
import { withWarnings } from './libbpf-messages.ts';
import { lastErrno } from './libc.ts';
import type { ObjectProgram } from './object-program.ts';

/** A program attached to a hook, until `close` or the end of this process, whichever comes first; a pinned link stays. */
export interface Link {
  /** `kprobe`, `fentry`, `lsm`, `tracepoint`, ... */
  readonly kind: string;
  readonly fd: number;
  close(): void;
  [Symbol.dispose](): void;
  /** Keeps the program attached after this process, as a file on a bpffs. Perf events (kprobes and tracepoints) need Linux 5.15. */
  pin(path: string): void;
  /** Forgets the link without detaching what a pin keeps attached; safe to call twice. */
  letGo(): void;
}

export interface KprobeTarget {
  readonly function: string;
  /** Run when the function returns. */
  readonly retprobe?: boolean;
}

export interface KprobeMultiTarget {
  readonly functions: readonly string[];
  readonly retprobe?: boolean;
}

export interface UprobeTarget {
  readonly binary: string;
  /** Byte offset in the file. */
  readonly offset: number;
  /** -1, the default, for every process. */
  readonly pid?: number;
  readonly retprobe?: boolean;
}

export function attachKprobe(program: ObjectProgram, target: KprobeTarget): Link {
  const kind = target.retprobe ? 'kretprobe' : 'kprobe';
  return attach(program, kind, target.function, (address) =>
    programAttachKprobe(address, target.function, target.retprobe ?? false),
  );
}

/** One link for many functions; the program's type must be `kprobe.multi`. Linux 5.18 with CONFIG_FPROBE. */
export function attachKprobeMulti(program: ObjectProgram, target: KprobeMultiTarget): Link {
  const subject = `${target.functions.length} functions`;
  return attach(program, 'kprobe.multi', subject, (address) =>
    programAttachKprobeMulti(address, target.functions, target.retprobe ?? false),
  );
}

/** fentry, fexit and fmod_ret, at the target the program was loaded for. */
export function attachTrace(program: ObjectProgram): Link {
  const [kind = 'trace', target = ''] = program.section.split('/');
  return attach(program, kind, target, programAttachTrace);
}

/** An LSM program, at the hook it was loaded for. */
export function attachLsm(program: ObjectProgram): Link {
  return attach(program, 'lsm', program.section.split('/')[1] ?? '', programAttachLsm);
}

/** Needs a mounted tracefs: see `mountTracefs`. */
export function attachTracepoint(program: ObjectProgram, subsystem: string, event: string): Link {
  return attach(program, 'tracepoint', `${subsystem}/${event}`, (address) =>
    programAttachTracepoint(address, subsystem, event),
  );
}

export function attachRawTracepoint(program: ObjectProgram, event: string): Link {
  return attach(program, 'raw_tracepoint', event, (address) => programAttachRawTracepoint(address, event));
}

/** `cgroupFd` is an open directory of cgroup v2. */
export function attachCgroup(program: ObjectProgram, cgroupFd: number): Link {
  return attach(program, 'cgroup', `cgroup of descriptor ${cgroupFd}`, (address) =>
    programAttachCgroup(address, cgroupFd),
  );
}

export function attachUprobe(program: ObjectProgram, target: UprobeTarget): Link {
  const kind = target.retprobe ? 'uretprobe' : 'uprobe';
  return attach(program, kind, `${target.binary}+${target.offset}`, (address) =>
    programAttachUprobe(address, target.retprobe ?? false, target.pid ?? -1, target.binary, target.offset),
  );
}

function attach(
  program: ObjectProgram,
  kind: string,
  target: string,
  call: (address: bigint) => NullableAddress,
): Link {
  const subject = `attach ${kind} program "${program.name}"${target ? ` to ${target}` : ''}`;
  const { result, warnings } = withWarnings(() => {
    const address = call(program.address);
    return { address, errno: address === null ? lastErrno() : 0 };
  });
  if (result.address === null) {
    throw new KernelError({ call: subject, errno: result.errno, reason: warnings.join('; ') });
  }
  return new BpfLink(kind, subject, result.address);
}

class BpfLink implements Link {
  readonly kind: string;
  readonly #handle: Handle;

  constructor(kind: string, subject: string, address: bigint) {
    this.kind = kind;
    this.#handle = new Handle(`link (${subject})`, address);
  }

  get fd(): number {
    return linkFd(this.#handle.address);
  }

  pin(path: string): void {
    checkResult(
      `pin ${this.#handle.label} at ${path}`,
      linkPin(this.#handle.address, path),
      'the path must be on a mounted bpffs and free; links of kprobes and tracepoints can be pinned since Linux 5.15',
    );
  }

  close(): void {
    const address = this.#handle.release();
    if (address !== undefined) {
      checkResult(`detach ${this.#handle.label}`, linkDestroy(address));
    }
  }

  letGo(): void {
    const address = this.#handle.release();
    if (address === undefined) return;
    /* libbpf would switch a perf event off before it closes its descriptors. */
    const fd = linkFd(address);
    linkDisconnect(address);
    linkDestroy(address);
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
