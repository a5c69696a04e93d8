import type { StackContent } from './hooks/stack-trace.ts';
import type { AncestorGroup } from './processes/ancestors.ts';
import type { UserDatabase } from './processes/user-names.ts';

/** What events show besides what they always do; nothing by default. */
export interface EventContent {
  /** Events that show the processes above the parent. */
  readonly ancestors?: ReadonlySet<AncestorGroup> | undefined;
  /** Adds `verdict` to hook events. */
  readonly withVerdict?: boolean;
  /** Adds `user` to processes of the host. */
  readonly users?: UserDatabase | undefined;
  /** Adds `cluster_name` beside every event; empty for none. */
  readonly clusterName?: string;
  /** Names what is in stacks; without it they have no entries. */
  readonly stacks?: StackContent | undefined;
  /** Adds `arguments_list` to processes. */
  readonly withArgumentsList?: boolean;
}
