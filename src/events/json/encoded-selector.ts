import type { EventContent } from '../event-content.ts';
import type { EventArgument, EventHook, EventSelector } from '../event-plan.ts';
import { verdictOf } from '../hooks/verdict.ts';
import { type ArgumentWriter, argumentWriter } from './argument-writer.ts';
import { members, numberText } from './json-members.ts';
import { LineEnd } from './line-end.ts';

/** The parts of a hook event that are the same every time. */
export interface EncodedSelector {
  /** Another one for each selector. */
  readonly index: number;
  readonly start: Buffer;
  /** Up to the value of the first argument. */
  readonly beforeArguments: Buffer;
  readonly arguments: readonly ArgumentWriter[];
  readonly showsReturn: boolean;
  /** It has values of `data`, stacks or ancestors. */
  readonly showsMore: boolean;
  readonly data: readonly ArgumentWriter[];
  /** `]`, or nothing when the hook has no arguments. */
  readonly listEnd: Buffer;
  /** What follows the arguments. */
  readonly end: LineEnd;
  /** What follows the end of the list of arguments, and what stands between. */
  readonly endAfterList: LineEnd;
}

/** `index` is another one for each selector; `envelope` stands between its members and the time. */
export function encodeSelector(
  selector: EventSelector,
  index: number,
  envelope: Buffer,
  { withVerdict = false, ancestors }: EventContent,
): EncodedSelector {
  const { hook } = selector;
  const { before, after } = selectorMembers(selector, withVerdict);
  const writers = (args: readonly EventArgument[]): ArgumentWriter[] =>
    args.map((argument, position) => argumentWriter(argument, position === 0));
  const [first, ...others] = writers(hook.args);
  const listEndText = first === undefined ? '' : ']';
  return {
    index,
    start: Buffer.from(`{"process_${hook.event}":{"process":`),
    beforeArguments: Buffer.from(first === undefined ? before : `${before},"args":[${first.start}`),
    arguments: first === undefined ? [] : [first, ...others],
    showsReturn: hook.event === 'kprobe',
    showsMore: hook.data !== undefined || selector.stacks !== undefined || ancestors?.has(hook.event) === true,
    data: writers(hook.data ?? []),
    listEnd: Buffer.from(listEndText),
    end: new LineEnd(Buffer.concat([Buffer.from(listEndText + after), envelope])),
    endAfterList: new LineEnd(Buffer.concat([Buffer.from(after), envelope])),
  };
}

/** What stands before and behind `args` (and `return`). */
function selectorMembers(selector: EventSelector, withVerdict: boolean): { before: string; after: string } {
  const { hook } = selector;
  const action =
    members({ action: selector.action }) +
    (selector.monitoredAction === undefined ? '' : members({ monitor_action: selector.monitoredAction }));
  const message = members({ message: hook.message });
  const tags = hook.tags.length > 0 ? members({ tags: hook.tags }) : '';
  const policy = members({ policy_name: hook.policyName });
  const { before, after } = orderedMembers(hook, { action, message, tags, policy });
  const additions = members({
    severity: hook.severity ?? '',
    mitre_techniques: hook.mitreTechniques ?? [],
    verdict: withVerdict ? verdictOf(selector) : '',
  });
  return { before, after: after + additions };
}

interface SelectorMembers {
  readonly action: string;
  readonly message: string;
  readonly tags: string;
  readonly policy: string;
}

/** The order of the fields differs between the messages. */
function orderedMembers(hook: EventHook, parts: SelectorMembers): { before: string; after: string } {
  const { action, message, tags, policy } = parts;
  switch (hook.event) {
    case 'kprobe':
      return {
        before: members({ function_name: hook.functionName }),
        after: action + policy + members({ return_action: 'KPROBE_ACTION_POST' }) + message + tags,
      };
    case 'tracepoint':
      return {
        before: members({ subsys: hook.subsystem, event: hook.tracepoint }),
        after: policy + action + message + tags,
      };
    case 'lsm':
      return {
        before: members({ function_name: hook.functionName }) + policy + message,
        after: action + tags,
      };
    case 'uprobe': {
      const { path = '', symbol = '', offset = 0, refCtrOffset = 0 } = hook.uprobe ?? {};
      const place = members({ offset: numberText(offset), ref_ctr_offset: numberText(refCtrOffset) });
      return { before: members({ path, symbol }) + policy + message, after: tags + place + action };
    }
    case 'usdt': {
      const { path = '', provider = '', name = '' } = hook.usdt ?? {};
      return { before: members({ path, provider, name }) + policy + message, after: tags + action };
    }
    default:
      return hook.event satisfies never;
  }
}
