import { actionParameters } from './action-parameters.ts';
import { actionPlace } from './action-place.ts';
import { annotations } from './annotations.ts';
import { argumentIndex } from './argument-index.ts';
import { argumentType } from './argument-type.ts';
import { filterArgument } from './filter-argument.ts';
import { filterOperand } from './filter-operand.ts';
import { hasHooks } from './has-hooks.ts';
import { hookTarget } from './hook-target.ts';
import { matchBinaries } from './match-binaries.ts';
import { matchCapabilities } from './match-capabilities.ts';
import { matchNamespaces } from './match-namespaces.ts';
import { matchPids } from './match-pids.ts';
import { messageAndTags } from './message-and-tags.ts';
import { metadataName } from './metadata-name.ts';
import { policyNamespace } from './policy-namespace.ts';
import { policyOptions } from './policy-options.ts';
import { returnValue } from './return-value.ts';
import type { Rule } from './rule.ts';
import { syscallFlag } from './syscall-flag.ts';
import { workloadSelectors } from './workload-selectors.ts';

/** Every rule, in the order of the document: policy, hook, arguments, selectors, actions. They do not depend on one another. */
export const allRules: readonly Rule[] = [
  metadataName,
  annotations,
  policyNamespace,
  workloadSelectors,
  policyOptions,
  hasHooks,
  hookTarget,
  syscallFlag,
  messageAndTags,
  argumentIndex,
  argumentType,
  returnValue,
  filterArgument,
  filterOperand,
  matchPids,
  matchBinaries,
  matchNamespaces,
  matchCapabilities,
  actionParameters,
  actionPlace,
];
