import { type Activity, activities, callRows, ocsfClasses, permissionCalls } from './activities.ts';
import { conversions } from './conversions.ts';
import { ECS_VERSION, ecsEventFields, ecsLineFields, ecsParentFields, ecsProcessFields } from './ecs-fields.ts';
import type { Field } from './field-table.ts';
import { OCSF_VERSION, ocsfAncestorFields, ocsfEventFields, ocsfLineFields, ocsfProcessFields } from './ocsf-fields.ts';
import { severities, verdictActions, verdicts } from './verdict.ts';

/** `docs/schemas.md`: what the tables of this folder say, with `introduction` in front. */
export function schemaDocument(introduction: string): string {
  return [
    introduction.replaceAll('OCSF_VERSION', OCSF_VERSION).replaceAll('ECS_VERSION', ECS_VERSION),
    section('Verdicts', verdictTable()),
    section('Severities', severityTable()),
    section('What calls mean', activityTable()),
    section('Fields of the line', fieldTableText(ocsfLineFields, ecsLineFields)),
    section('Fields of `process` and `parent`', processText()),
    section('Fields of `ancestors`', fieldTableText(ocsfAncestorFields, [])),
    section('Fields of events', eventTable()),
  ].join('\n');
}

function section(title: string, text: string): string {
  return `## ${title}\n\n${text}`;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, titles.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell || ' ').join(' | ')} |\n`).join('');
}

function verdictTable(): string {
  const rows = Object.entries(verdicts).map(([name, { ocsf, ecs, severity }]) => {
    const actions = verdictActions.find(([verdict]) => verdict === name)?.[1] ?? [];
    const alert = ocsf.is_alert === true ? ', `is_alert`' : '';
    return [
      `\`${name}\``,
      actions.map((action) => `\`${action.replace('KPROBE_ACTION_', '')}\``).join(', '),
      `${ocsf.action_id} ${ocsf.action}, ${ocsf.disposition_id} ${ocsf.disposition}${alert}`,
      [`\`${ecs.kind}\``, ...[ecs.category, ecs.type].filter(Boolean).map((word) => `\`${word}\``)].join(', '),
      severity,
    ];
  });
  const titles = ['Verdict', 'Actions', 'OCSF: action, disposition', 'ECS: kind, category, type', 'Severity'];
  return table(titles, rows);
}

function severityTable(): string {
  const rows = Object.entries(severities).map(([name, { ocsf, caption, ecs }]) => [
    `\`${name}\``,
    `${ocsf} ${caption}`,
    String(ecs),
  ]);
  return table(['Policy', 'OCSF: `severity_id`', 'ECS: `event.severity`'], rows);
}

function activityTable(): string {
  const rows = Object.entries(activities).map(([name, activity]: [string, Activity]) => {
    const { uid, name: className } = ocsfClasses[activity.class];
    return [
      callsOf(name),
      `${className} (${uid}): ${activity.caption ?? 'Other'} (${activity.id})`,
      activity.category === undefined ? activity.type : `${activity.category}: ${activity.type}`,
    ];
  });
  return table(['Calls and events', 'OCSF', 'ECS: category, type'], rows);
}

function callsOf(activity: string): string {
  const row = callRows.find((calls) => calls.activity === activity);
  if (row === undefined) return otherCalls[activity] ?? '';
  const lists = [
    ['system calls', row.syscalls],
    ['LSM', row.lsm],
    ['functions', row.functions],
    ['tracepoints', row.tracepoints],
  ];
  const named = lists
    .filter(([, names]) => names !== undefined)
    .map(([title, names]) => `${title} \`${names}\``)
    .join('; ');
  return activity === 'fileRead' || activity === 'fileWrite' ? `${named}; by their mask \`${maskedCalls}\`` : named;
}

const maskedCalls = Array.from(permissionCalls).join(' ');

/** Activities that no list of calls has. */
const otherCalls: Readonly<Record<string, string>> = {
  exec: '`process_exec`',
  found: '`process_exec` of a process that ran before the agent (flag `procFS`)',
  exit: '`process_exit`',
  fileOther: 'other calls with a file among their arguments',
  networkOther: 'other calls with a socket or an address among their arguments',
  libraryLoad: '`process_loader`',
  userCall: '`process_uprobe`, `process_usdt`',
  kernelInvoke: 'other system calls',
  kernelOther: 'other calls',
  throttle: '`process_throttle`',
  loss: '`rate_limit_info`',
  unknown: '`test`, events that are not known',
};

function processText(): string {
  const note =
    'In OCSF this is `process` of Process Activity and `actor.process`, with `parent_process` inside. ' +
    'In ECS the fields of `parent` are below `process.parent`; what stands outside of `process` is of `process` only.\n\n';
  const ofProcessOnly = ecsProcessFields.filter(({ from, to }) => !to.startsWith('process.') || !isOfParent(from));
  const both = ecsProcessFields.filter((field) => !ofProcessOnly.includes(field));
  return note + fieldTableText(ocsfProcessFields, [...both, ...ofProcessOnly]);
}

function isOfParent(from: string): boolean {
  return ecsParentFields.some((field) => field.from === from);
}

function eventTable(): string {
  const names = Object.keys(ocsfEventFields);
  const sections = names.flatMap((name) => {
    const text = fieldTableText(ocsfEventFields[name] ?? [], ecsEventFields[name] ?? []);
    return text === '' ? [] : [{ name, text }];
  });
  const same = Map.groupBy(sections, ({ text }) => text);
  return Array.from(same, ([text, group]) => `${group.map(({ name }) => `\`${name}\``).join(', ')}:\n\n${text}`).join(
    '\n',
  );
}

/** One row for each field of the event; empty when there is none. */
function fieldTableText(ocsf: readonly Field[], ecs: readonly Field[]): string {
  const names = [...new Set([...ocsf, ...ecs].map(({ from }) => from))];
  if (names.length === 0) return '';
  const rows = names.map((name) => [`\`${name}\``, targets(ocsf, name), targets(ecs, name)]);
  return table(['Tetragon', 'OCSF', 'ECS'], rows);
}

function targets(fields: readonly Field[], from: string): string {
  return fields
    .filter((field) => field.from === from)
    .map(({ to, as }) => `\`${to}\`${conversions[as].meaning === '' ? '' : ` (${conversions[as].meaning})`}`)
    .join('<br>');
}
