import { capabilityNames } from '../policy/capabilities.ts';
import { familyNumbers, protocolNumbers, stateNumbers } from '../policy/network-names.ts';

/**
 * Numbers of the kernel as the words that events carry. A number without a name is written in decimal, as Tetragon
 * does, so that nothing a newer kernel reports is lost.
 */

/** `AF_INET` for 2. */
export function familyName(family: number): string {
  return families[family] ?? String(family);
}

/** `SOCK_STREAM` for 1. */
export function socketTypeName(type: number): string {
  return socketTypes[type] ?? String(type);
}

/** `IPPROTO_TCP` for 6. */
export function protocolName(protocol: number): string {
  return protocols[protocol] ?? String(protocol);
}

/** `TCP_ESTABLISHED` for 1. */
export function stateName(state: number): string {
  return states[state] ?? String(state);
}

/** `SIGKILL` for 9; empty for 0; real-time signals as bash writes them, counted from SIGRTMIN (34). */
export function signalName(signal: number): string {
  if (signal === 0) return '';
  if (signal >= 34 && signal <= 64) return signal === 34 ? 'SIGRTMIN' : `SIGRTMIN+${signal - 34}`;
  return signals[signal] ?? `SIG${signal}`;
}

/** Names in events of the capabilities whose bits are set; capability 1 is called `DAC_OVERRIDE` there. */
export function capabilitySetNames(low: number, high: number): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    const word = bit < 32 ? low : high;
    if ((word & (1 << (bit & 31))) !== 0) names.push(capabilityName(bit));
  }
  return names;
}

/** Names of the bits of `cred.securebits` (`include/uapi/linux/securebits.h`). */
export function secureBitNames(bits: number): string[] {
  return secureBits.filter((_, bit) => (bits & (1 << bit)) !== 0);
}

/** Name of a capability as events have it. */
export function capabilityName(bit: number): string {
  if (bit === 1) return 'DAC_OVERRIDE';
  return capabilityNames[bit] ?? `CAP_${bit}`;
}

/** The first name of each number: later ones are synonyms. */
function byNumber(numbers: ReadonlyMap<string, number>): readonly (string | undefined)[] {
  const names: (string | undefined)[] = [];
  for (const [name, number] of numbers) names[number] ??= name;
  return names;
}

const families = byNumber(familyNumbers);
const protocols = byNumber(protocolNumbers);
const states = byNumber(stateNumbers);

const socketTypes: readonly (string | undefined)[] = [
  undefined,
  'SOCK_STREAM',
  'SOCK_DGRAM',
  'SOCK_RAW',
  'SOCK_RDM',
  'SOCK_SEQPACKET',
  'SOCK_DCCP',
  'SOCK_PACKET',
];

/** Signal numbers of x86 and arm64, which are the same. */
const signals: readonly string[] = [
  '',
  ...'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
    .split(' ')
    .map((name) => `SIG${name}`),
];

const secureBits: readonly string[] = [
  'SecBitNoRoot',
  'SecBitNoRootLocked',
  'SecBitNoSetUidFixup',
  'SecBitNoSetUidFixupLocked',
  'SecBitKeepCaps',
  'SecBitKeepCapsLocked',
  'SecBitNoCapAmbientRaise',
  'SecBitNoCapAmbientRaiseLocked',
];
