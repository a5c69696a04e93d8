import type { StackContent, StackPlace } from '../events/hooks/stack-trace.ts';
import { KernelSymbols } from '../kernel/kernel-symbols.ts';
import { ProcessModules } from '../kernel/process-modules.ts';
import type { StackKind } from '../policy/model.ts';

/** Names the addresses of stacks of this machine. Nothing is read before a policy asks for stacks. */
export class HostStacks implements StackContent {
  readonly withAddresses: boolean;
  readonly #processes = new ProcessModules();

  constructor(withAddresses: boolean) {
    this.withAddresses = withAddresses;
  }

  prepare(): void {
    KernelSymbols.running.find(0xffff_ffff_ffff_ffffn);
  }

  find(kind: StackKind, pid: number, address: bigint): StackPlace | undefined {
    return kind === 'kernel' ? KernelSymbols.running.find(address) : this.#processes.find(pid, address);
  }
}
