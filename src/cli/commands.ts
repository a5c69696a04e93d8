/** A command, loaded when it is called: not every one needs the kernel, or the compiler. */
export interface Command {
  readonly usage: string;
  /** Returns the exit status. */
  readonly run: (args: string[]) => Promise<number>;
}

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** By name, in the order of the help text. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  run: {
    summary: 'start the agent and print events',
    load: async () => {
      const { runCommand, runUsage } = await import('./run.ts');
      return { usage: runUsage, run: runCommand };
    },
  },
  probe: {
    summary: 'what this kernel can do, and what that means for policies',
    load: async () => {
      const { probeCommand, probeUsage } = await import('./probe.ts');
      return { usage: probeUsage, run: probeCommand };
    },
  },
  'policy check': {
    summary: 'find the mistakes in policies',
    load: async () => {
      const { policyCheckCommand, policyCheckUsage } = await import('./policy-check.ts');
      return { usage: policyCheckUsage, run: policyCheckCommand };
    },
  },
  'policy explain': {
    summary: 'show how a kernel would run policies',
    load: async () => {
      const { policyExplainCommand, policyExplainUsage } = await import('./policy-explain.ts');
      return { usage: policyExplainUsage, run: policyExplainCommand };
    },
  },
  facts: {
    summary: 'write what is known of this kernel as JSON',
    load: async () => {
      const { factsCommand, factsUsage } = await import('./facts.ts');
      return { usage: factsUsage, run: factsCommand };
    },
  },
};
