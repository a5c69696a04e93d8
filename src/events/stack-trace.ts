import type { StackKind } from '../policy/model.ts';
import type { EventStack } from './event-plan.ts';
import type { HookEvent } from './events.ts';
import { argumentValue } from './values.ts';

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
}

/**
 * The calls that led to the hook, nearest first. What the kernel runs between the function and our program is left
 * out.
 */
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
  const hooked = entries.findIndex(({ symbol }) => symbol === event.selector.hook.functionName);
  return of === 'kernel' && hooked > 0 ? entries.slice(hooked) : entries;
}
