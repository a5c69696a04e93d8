import type { Verdict } from '../events/hooks/verdict.ts';
import type { Severity } from '../policy/model.ts';
import { type Activity, type ActivityName, activities, callActivity } from './activities.ts';
import {
  type CallConnection,
  type CallFile,
  connectionOf,
  filesOf,
  firstNumber,
  type KernelResource,
  kernelModuleOf,
  kernelResourceOf,
  namedFilesOf,
  returnedNumber,
} from './call-subjects.ts';
import { type HookCall, hookCall } from './hook-call.ts';
import { isObject, type Json, type JsonObject, objectAt, objectsAt, textAt } from './json.ts';
import { severityOf, techniquesOf, verdictOf } from './verdict.ts';

/** What an event is about, before it is put in the words of a schema. */
export interface EventFacts {
  /** `process_kprobe`; undefined when no member of the line is an event that is known. */
  readonly type: string | undefined;
  /** The event itself; empty when it is unknown. */
  readonly body: JsonObject;
  readonly activity: Activity;
  /** `openat`, `exec`: what happened in one word. */
  readonly action: string;
  readonly call: HookCall | undefined;
  /** For events of policies. */
  readonly verdict: Verdict | undefined;
  readonly severity: Severity;
  readonly techniques: readonly string[];
  readonly outcome: 'success' | 'failure' | undefined;
  /** For events about the stream itself: what they say, in words. */
  readonly note: string | undefined;
  readonly file: CallFile | undefined;
  /** What a renamed file is called afterwards. */
  readonly fileAfter: CallFile | undefined;
  readonly connection: CallConnection | undefined;
  readonly resource: KernelResource | undefined;
  readonly kernelModule: string | undefined;
}

export function eventFacts(line: JsonObject): EventFacts {
  const type = eventType(line);
  const body = (type === undefined ? undefined : objectAt(line, type)) ?? {};
  const args = objectsAt(body, 'args');
  const call = type === undefined ? undefined : hookCall(type, body);
  const name = activityName(type, body, call, args);
  const activity: Activity = activities[name];
  const verdict = type !== undefined && policyEvents.has(type) ? verdictOf(body) : undefined;
  const files = filesOfActivity(name, args);
  return {
    type,
    body,
    activity,
    action: call?.name ?? (name === 'found' ? 'found' : actionWords[type ?? '']) ?? type ?? 'unknown',
    call,
    verdict,
    severity: severity(type, body, verdict),
    techniques: verdict === undefined ? [] : techniquesOf(body),
    outcome: outcome(type, body, verdict),
    note: type === undefined ? undefined : notes[type]?.(body),
    ...files,
    connection: activity.class === 'network' ? connectionOf(args, name === 'bind' || name === 'listen') : undefined,
    resource: kernelResourceOf(args),
    kernelModule: activity.class === 'extension' ? kernelModuleOf(args) : undefined,
  };
}

/** Events of policies: those with a verdict. */
const policyEvents = new Set(['process_kprobe', 'process_tracepoint', 'process_lsm', 'process_uprobe', 'process_usdt']);

/** Every event Tetragon has, and what the others are called in one word. */
const actionWords: Readonly<Record<string, string>> = {
  process_exec: 'exec',
  process_exit: 'exit',
  process_loader: 'library-load',
  process_throttle: 'throttle',
  rate_limit_info: 'events-lost',
  test: 'test',
};
export const eventTypes: readonly string[] = [...policyEvents, ...Object.keys(actionWords)];

function eventType(line: JsonObject): string | undefined {
  for (const key in line) if (eventTypes.includes(key) && isObject(line[key])) return key;
  return undefined;
}

function activityName(
  type: string | undefined,
  body: JsonObject,
  call: HookCall | undefined,
  args: readonly JsonObject[],
): ActivityName {
  switch (type) {
    case 'process_exec':
      return isFound(body) ? 'found' : 'exec';
    case 'process_exit':
      return 'exit';
    case 'process_loader':
      return 'libraryLoad';
    case 'process_throttle':
      return 'throttle';
    case 'rate_limit_info':
      return 'loss';
    case 'process_uprobe':
    case 'process_usdt':
      return 'userCall';
    case 'process_kprobe':
    case 'process_tracepoint':
    case 'process_lsm':
      return (call && callActivity(call, firstNumber(args))) ?? activityOfArguments(call, args);
    default:
      return 'unknown';
  }
}

/** A process that ran before the agent: the agent read it from /proc. */
function isFound(body: JsonObject): boolean {
  return textAt(objectAt(body, 'process'), 'flags')?.split(' ').includes('procFS') ?? false;
}

/** For calls whose name says nothing. */
function activityOfArguments(call: HookCall | undefined, args: readonly JsonObject[]): ActivityName {
  if (args.some((argument) => networkKeys.some((key) => argument[key] !== undefined))) return 'networkOther';
  if (filesOf(args).length > 0) return 'fileOther';
  if (call?.kind === 'syscall' || args.some((argument) => argument['syscall_id'] !== undefined)) return 'kernelInvoke';
  return 'kernelOther';
}

const networkKeys = ['sock_arg', 'skb_arg', 'sockaddr_arg', 'sockaddrun_arg'];

/** Calls that make or delete have the folder first; a renamed file stands at the end of each half. */
function filesOfActivity(name: ActivityName, args: readonly JsonObject[]): Pick<EventFacts, 'file' | 'fileAfter'> {
  const { class: ocsfClass }: Activity = activities[name];
  if (ocsfClass !== 'file' && name !== 'execCall' && ocsfClass !== 'extension')
    return { file: undefined, fileAfter: undefined };
  const objects = filesOf(args);
  const files = objects.length > 0 || ocsfClass === 'extension' ? objects : namedFilesOf(args);
  const last = files.length - 1;
  switch (name) {
    case 'fileCreate':
    case 'fileDelete':
      return { file: files[last], fileAfter: undefined };
    case 'fileRename':
      return { file: files[last >> 1], fileAfter: last > 0 ? files[last] : undefined };
    case 'fileMount':
      return { file: objects[0] ?? files[1] ?? files[0], fileAfter: undefined };
    default:
      return { file: files[0], fileAfter: undefined };
  }
}

function severity(type: string | undefined, body: JsonObject, verdict: Verdict | undefined): Severity {
  if (verdict !== undefined) return severityOf(body, verdict);
  return type === 'rate_limit_info' ? 'medium' : 'info';
}

function outcome(
  type: string | undefined,
  body: JsonObject,
  verdict: Verdict | undefined,
): 'success' | 'failure' | undefined {
  if (verdict === 'prevented') return 'failure';
  if (type === 'process_exec') return 'success';
  const returned = returnedNumber(body);
  if (returned === undefined) return undefined;
  return returned < 0 ? 'failure' : 'success';
}

const notes: Readonly<Record<string, (body: JsonObject) => string>> = {
  process_throttle: ({ type, cgroup }) =>
    `${type === 'THROTTLE_STOP' ? 'events are reported again' : 'events are held back'} of cgroup ${word(cgroup)}`,
  rate_limit_info: ({ number_of_dropped_process_events: count }) => `${word(count)} events were dropped`,
};

function word(value: Json | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : 'unknown';
}
