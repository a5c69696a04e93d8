import { parseArgs } from 'node:util';
import type { KernelFacts } from '../../compiler/kernel-facts.ts';
import { type ColorMode, type Colors, colorsFor } from '../../export/colors.ts';
import { collectFacts } from '../../kernel/facts.ts';
import { UsageError } from '../errors.ts';
import { featureTitles } from './feature-titles.ts';
import { type Ability, policyAbilities } from './policy-abilities.ts';
import { type Change, suggestChanges } from './probe-changes.ts';
import { readFactsFile } from './read-facts.ts';

export const probeUsage = `Usage: jatai probe [options]

Shows what this kernel can do, what that means for policies, and what to change. Features are tried by loading and
attaching small programs, which needs root; nothing stays behind.

  --json                the same as JSON: {kernel, features, policies, changes}
  --facts FILE          of the kernel that jatai facts described, instead of this one
  --color WHEN          auto, always or never

Examples:
  jatai probe
  jatai probe --json
`;

/** `jatai probe`: returns the exit status. */
export async function probeCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      facts: { type: 'string' },
      color: { type: 'string', default: 'auto' },
    },
  });
  const colors = colorsFor(colorMode(values.color), process.stdout.isTTY, process.env);
  const facts = values.facts === undefined ? collectFacts() : readFactsFile(values.facts);
  const isRoot = values.facts !== undefined || process.getuid?.() === 0;
  const report = { facts, abilities: policyAbilities(facts), changes: suggestChanges(facts, isRoot) };
  process.stdout.write(values.json ? printReportJson(report) : printReport(report, colors));
  return 0;
}

function colorMode(text: string): ColorMode {
  if (text === 'auto' || text === 'always' || text === 'never') return text;
  throw new UsageError(`--color "${text}" is not one of auto, always, never`);
}

interface Report {
  readonly facts: KernelFacts;
  readonly abilities: readonly Ability[];
  readonly changes: readonly Change[];
}

function printReportJson({ facts, abilities, changes }: Report): string {
  const { release, version, machine, preemption, features } = facts;
  const report = { kernel: { release, version, machine, preemption }, features, policies: abilities, changes };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function printReport({ facts, abilities, changes }: Report, colors: Colors): string {
  const features = Object.entries(featureTitles).map(([name, title]): [string, string] => [
    title,
    facts.features[name as keyof typeof featureTitles].reason,
  ]);
  const lines = [
    `Kernel ${facts.release}, ${facts.machine}, preemption: ${facts.preemption}`,
    '',
    'Features',
    ...features.flatMap(([title, reason]) => item(reason === '', title, reason, colors)),
    '',
    'What policies can do',
    ...abilities.flatMap((ability) => printAbility(ability, colors)),
    ...(changes.length === 0 ? [] : ['', 'What to change', ...changes.flatMap(printChange)]),
  ];
  return `${lines.join('\n')}\n`;
}

const titleColumns = 46;

function printAbility(
  { what, works, mechanism, lacks, reason, alternative, degraded }: Ability,
  colors: Colors,
): string[] {
  if (works) {
    const notes = degraded.flatMap((note) => wrap(`but ${note}`));
    return [...item(true, `${what.padEnd(titleColumns)} by ${mechanism}`, '', colors), ...notes];
  }
  /* What is said of the features above is not said again. */
  const cause = lacks.length === 0 ? reason : `lacks ${lacks.map((feature) => featureTitles[feature]).join('; ')}`;
  return [...item(false, what, cause, colors), ...wrap(alternative)];
}

function printChange({ change, gives }: Change): string[] {
  return [...wrap(change, '  '), ...wrap(`gives ${gives}`)];
}

function item(works: boolean, title: string, reason: string, colors: Colors): string[] {
  const mark = works ? colors.green('yes') : colors.red('no ');
  return [`  ${mark}  ${title}`, ...wrap(reason)];
}

const wrapColumns = 100;

/** Lines of at most 100 columns behind a margin: by default that of what stands below a title. */
function wrap(text: string, margin = '       '): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + word.length >= wrapColumns) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.filter((line) => line !== '').map((line) => margin + line);
}
