import { readFileSync } from 'node:fs';
import { KernelError } from './kernel-error.ts';
import { capset, lastErrno, prctl } from './libc.ts';

/** Numbers of capabilities (`include/uapi/linux/capability.h`). */
export const CAP_DAC_OVERRIDE = 1;
export const CAP_DAC_READ_SEARCH = 2;
export const CAP_FOWNER = 3;
export const CAP_NET_BIND_SERVICE = 10;
export const CAP_SYS_PTRACE = 19;
export const CAP_SYSLOG = 34;
export const CAP_SYS_ADMIN = 21;
export const CAP_PERFMON = 38;
export const CAP_BPF = 39;

/** A set of capabilities: bit N for number N. */
export type CapabilitySet = bigint;

export function capabilitySet(numbers: readonly number[]): CapabilitySet {
  return numbers.reduce((set, number) => set | (1n << BigInt(number)), 0n);
}

/** The numbers in a set, in ascending order. */
export function capabilitiesOf(set: CapabilitySet): number[] {
  return Array.from({ length: 64 }, (_, number) => number).filter((number) => (set >> BigInt(number)) & 1n);
}

/** What this thread may use. */
export function permittedCapabilities(): CapabilitySet {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  return BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(status)![1]}`);
}

const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
/** `struct __user_cap_header_struct`: this version, and 0 for the calling thread. */
const CAPABILITY_VERSION_3 = 0x2008_0522;

/**
 * Takes from this thread all capabilities outside of `kept`, for good: no program that it starts gets them back, whoever
 * owns it. Other threads of the process keep theirs until it executes a program, which ends them. Throws a KernelError.
 */
export function keepCapabilities(kept: CapabilitySet): void {
  /* Without it root would get back at exec what its bounding set holds, and taking from that needs CAP_SETPCAP. */
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'set no_new_privs');
  for (let number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++) {
    if (((kept >> BigInt(number)) & 1n) === 0n) prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
  const remaining = permittedCapabilities() & kept;
  setCapabilities(remaining);
  /* For users other than root only ambient capabilities survive exec. */
  if (process.geteuid?.() === 0) return;
  for (const number of capabilitiesOf(remaining)) {
    check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0), `keep capability ${number}`);
  }
}

/** Calls with a capability put aside, on this thread. */
export function withoutCapability<Result>(number: number, call: () => Result): Result {
  const permitted = permittedCapabilities();
  setCapabilities(permitted, permitted & ~capabilitySet([number]));
  try {
    return call();
  } finally {
    setCapabilities(permitted);
  }
}

/** Sets the permitted, effective and inheritable set; for root the last is left empty. */
function setCapabilities(permitted: CapabilitySet, effective = permitted): void {
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  const inheritable = process.geteuid?.() === 0 ? 0n : permitted;
  const words = [0n, 32n].flatMap((shift) =>
    [effective, permitted, inheritable].map((bits) => Number((bits >> shift) & 0xffff_ffffn)),
  );
  check(capset(header, new Uint32Array(words)), 'set capabilities');
}

function check(result: number, call: string): void {
  if (result < 0) throw new KernelError({ call, errno: lastErrno() });
}
