import { HostStacks } from '../../agent/host-stacks.ts';
import { type OptionValues, option } from '../../config/option.ts';
import { booleanType, choicesType, choiceType, textType } from '../../config/option-types.ts';
import type { EventContent } from '../../events/event-content.ts';
import { ancestorGroups } from '../../events/processes/ancestors.ts';
import { PasswdFile } from '../../kernel/user-database.ts';
import { UsageError } from '../errors.ts';

/** Settings of `jatai run` about what events show; nothing of it by default. */
export const contentOptions = {
  'enable-ancestors': option(
    choicesType('LIST', ancestorGroups),
    [],
    `events that show all ancestors of their process, base for exec and exit: ${ancestorGroups.join(',')}`,
  ),
  'username-metadata': option(choiceType(['disabled', 'unix']), 'disabled', 'unix: names of users, from /etc/passwd'),
  'cluster-name': option(textType('NAME'), '', 'name of the cluster, shown beside every event'),
  'process-arguments-list': option(booleanType, false, 'show the arguments of programs one by one too'),
  'expose-stack-addresses': option(booleanType, false, 'show the addresses in stacks, which help an attacker'),
  'event-verdict': option(booleanType, false, 'show whether a call was prevented, interrupted or only observed'),
} as const;

/** Throws a UsageError for ancestors that Tetragon would silently leave out. */
export function eventContent(values: OptionValues<typeof contentOptions>): EventContent {
  const ancestors = new Set(values['enable-ancestors']);
  if (ancestors.size > 0 && !ancestors.has('base'))
    throw new UsageError(
      `--enable-ancestors ${[...ancestors].join(',')} needs base too: --enable-ancestors base,${[...ancestors].join(',')}`,
    );
  return {
    ancestors: ancestors.size === 0 ? undefined : ancestors,
    users: values['username-metadata'] === 'unix' ? new PasswdFile() : undefined,
    clusterName: values['cluster-name'],
    withArgumentsList: values['process-arguments-list'],
    withVerdict: values['event-verdict'],
    stacks: new HostStacks(values['expose-stack-addresses']),
  };
}
