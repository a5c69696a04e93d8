import type { StackKind } from '../../policy/model.ts';
import type { EventStack } from '../event-plan.ts';
import type { HookEvent } from '../events.ts';
import { argumentValue } from '../values.ts';

/** What is known of an address. */
export interface StackPlace {
  /** Empty when only the module is known. */
  readonly symbol: string;
  /** From the symbol, or else from the start of the module's file. */
  readonly offset: bigint;
  /** A kernel module, or the file of a program or library; empty for the kernel itself. */
  readonly module: string;
}

export interface StackEntry extends StackPlace {
  /** 0 unless addresses are shown. */
  readonly address: bigint;
}

/** How stacks are shown. */
export interface StackContent {
  /** Undefined when the address belongs to nothing that is known. */
  find(kind: StackKind, pid: number, address: bigint): StackPlace | undefined;
  readonly withAddresses: boolean;
  /** Reads what takes long before the first stack comes: a process may be gone until then. */
  prepare(): void;
}

/** The calls that led to the hook, nearest first. Programs of BPF that run in front of functions are left out. */
export function stackEntries(event: HookEvent, { of, value }: EventStack, content: StackContent): StackEntry[] {
  const bytes = argumentValue(event.record, { value, type: 'char_buf', spelledType: 'char_buf', label: '' });
  if (bytes.kind !== 'bytes') return [];
  const entries: StackEntry[] = [];
  for (let at = bytes.bytes.start; at + 8 <= bytes.bytes.end; at += 8) {
    const address = bytes.bytes.bytes.readBigUInt64LE(at);
    if (address === 0n) continue;
    const place = content.find(of, event.process.tgid, address) ?? { symbol: '', offset: 0n, module: '' };
    entries.push({ ...place, address: content.withAddresses ? address : 0n });
  }
  return of === 'kernel' ? withoutPrograms(entries, event.selector.hook.functionName) : entries;
}

/** A program in front of a function is called by a trampoline, which the function's first instructions call. */
function withoutPrograms(entries: readonly StackEntry[], hooked: string): StackEntry[] {
  const first = entries.findIndex(({ symbol }) => symbol === hooked);
  const kept: StackEntry[] = [];
  let isBehindProgram = false;
  for (const entry of entries.slice(Math.max(0, first))) {
    const isProgram = entry.module === programs;
    const isCaller = isBehindProgram && entry.symbol === kept.at(-1)?.symbol;
    if (!isProgram && !isCaller) kept.push(entry);
    isBehindProgram = isProgram;
  }
  return kept;
}

/** What /proc/kallsyms gives as the module of programs and trampolines. */
const programs = 'bpf';
