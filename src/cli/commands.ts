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
      const { runUsage } = await import('./run/run-usage.ts');
      const { runWithLeastPrivilege } = await import('./run/run-with-least-privilege.ts');
      return { usage: runUsage, run: runWithLeastPrivilege };
    },
  },
  events: {
    summary: 'print the events of a running agent',
    load: async () => {
      const { eventsCommand, eventsUsage } = await import('./agent/events.ts');
      return { usage: eventsUsage, run: eventsCommand };
    },
  },
  top: {
    summary: 'what the running agent costs, live',
    load: async () => {
      const { topCommand, topUsage } = await import('./agent/top.ts');
      return { usage: topUsage, run: topCommand };
    },
  },
  probe: {
    summary: 'what this kernel can do, and what that means for policies',
    load: async () => {
      const { probeCommand, probeUsage } = await import('./machine/probe.ts');
      return { usage: probeUsage, run: probeCommand };
    },
  },
  cleanup: {
    summary: 'end and remove what an agent left in force (--keep-sensors-on-exit)',
    load: async () => {
      const { cleanupCommand, cleanupUsage } = await import('./machine/cleanup.ts');
      return { usage: cleanupUsage, run: cleanupCommand };
    },
  },
  'policy check': {
    summary: 'find the mistakes in policies',
    load: async () => {
      const { policyCheckCommand, policyCheckUsage } = await import('./policies/policy-check.ts');
      return { usage: policyCheckUsage, run: policyCheckCommand };
    },
  },
  'policy explain': {
    summary: 'show how a kernel would run policies',
    load: async () => {
      const { policyExplainCommand, policyExplainUsage } = await import('./policies/policy-explain.ts');
      return { usage: policyExplainUsage, run: policyExplainCommand };
    },
  },
  'policy add': {
    summary: 'load policies into a running agent',
    load: async () => {
      const { policyAddCommand, policyAddUsage } = await import('./policies/policy-add.ts');
      return { usage: policyAddUsage, run: policyAddCommand };
    },
  },
  'policy list': {
    summary: 'list the policies of a running agent',
    load: async () => {
      const { policyListCommand, policyListUsage } = await import('./policies/policy-list.ts');
      return { usage: policyListUsage, run: policyListCommand };
    },
  },
  'policy status': {
    summary: 'show what became of them',
    load: async () => {
      const { policyStatusCommand, policyStatusUsage } = await import('./policies/policy-status.ts');
      return { usage: policyStatusUsage, run: policyStatusCommand };
    },
  },
  'policy delete': {
    summary: 'unload policies that were added',
    load: async () => {
      const { policyDeleteCommand, policyDeleteUsage } = await import('./policies/policy-delete.ts');
      return { usage: policyDeleteUsage, run: policyDeleteCommand };
    },
  },
  'policy enable': {
    summary: 'make policies active again',
    load: async () => {
      const { policyEnableCommand, policyEnableUsage } = await import('./policies/policy-enable.ts');
      return { usage: policyEnableUsage, run: policyEnableCommand };
    },
  },
  'policy disable': {
    summary: 'take policies out of the kernel',
    load: async () => {
      const { policyDisableCommand, policyDisableUsage } = await import('./policies/policy-enable.ts');
      return { usage: policyDisableUsage, run: policyDisableCommand };
    },
  },
  'policy set-mode': {
    summary: 'enforce or only report',
    load: async () => {
      const { policySetModeCommand, policySetModeUsage } = await import('./policies/policy-set-mode.ts');
      return { usage: policySetModeUsage, run: policySetModeCommand };
    },
  },
  'policy cost': {
    summary: 'what policies cost a call of their hooks, and this machine',
    load: async () => {
      const { policyCostCommand, policyCostUsage } = await import('./policies/policy-cost.ts');
      return { usage: policyCostUsage, run: policyCostCommand };
    },
  },
  'outputs check': {
    summary: 'find the mistakes in descriptions of outputs',
    load: async () => {
      const { outputsCheckCommand, outputsCheckUsage } = await import('./run/outputs-check.ts');
      return { usage: outputsCheckUsage, run: outputsCheckCommand };
    },
  },
  facts: {
    summary: 'write what is known of this kernel as JSON',
    load: async () => {
      const { factsCommand, factsUsage } = await import('./machine/facts.ts');
      return { usage: factsUsage, run: factsCommand };
    },
  },
  status: {
    summary: 'how a running agent is',
    load: async () => {
      const { statusCommand, statusUsage } = await import('./agent/status.ts');
      return { usage: statusUsage, run: statusCommand };
    },
  },
  loglevel: {
    summary: 'how much a running agent logs',
    load: async () => {
      const { loglevelCommand, loglevelUsage } = await import('./agent/loglevel.ts');
      return { usage: loglevelUsage, run: loglevelCommand };
    },
  },
  bugtool: {
    summary: 'one archive with everything that support needs',
    load: async () => {
      const { bugtoolCommand, bugtoolUsage } = await import('./agent/bugtool.ts');
      return { usage: bugtoolUsage, run: bugtoolCommand };
    },
  },
  completion: {
    summary: 'a script that completes commands and options in a shell',
    load: async () => {
      const { completionCommand, completionUsage } = await import('./completion.ts');
      return { usage: completionUsage, run: completionCommand };
    },
  },
  version: {
    summary: 'version of jatai',
    load: async () => {
      const { versionCommand, versionUsage } = await import('./version-command.ts');
      return { usage: versionUsage, run: versionCommand };
    },
  },
};
