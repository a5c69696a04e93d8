import type { EventSelector, KprobeAction } from '../event-plan.ts';

/**
 * What a policy did about a call: refused it (`prevented`), sent a signal to the process (`interrupted`), neither
 * (`observed`), or would have done one of both if it were not in monitor mode (`would_have_prevented`).
 */
export type Verdict = 'prevented' | 'interrupted' | 'observed' | 'would_have_prevented';

export function verdictOf({ action, monitoredAction }: EventSelector): Verdict {
  if (monitoredAction !== undefined && verdicts[monitoredAction] !== 'observed') return 'would_have_prevented';
  return verdicts[action];
}

const verdicts: Readonly<Record<KprobeAction, Verdict>> = {
  KPROBE_ACTION_POST: 'observed',
  KPROBE_ACTION_NOPOST: 'observed',
  KPROBE_ACTION_SIGKILL: 'interrupted',
  KPROBE_ACTION_SIGNAL: 'interrupted',
  KPROBE_ACTION_OVERRIDE: 'prevented',
};
