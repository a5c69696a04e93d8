import { parseArgs } from 'node:util';
import { durationType } from '../../config/option-types.ts';
import { type LiveMeasurement, liveCosts } from '../../cost/live-cost.ts';
import { type PolicyCosts, policyCosts } from '../../cost/policy-cost.ts';
import { costsAsJson, printCosts, printLiveCosts } from '../../cost/print-costs.ts';
import { readObjectFunctions } from '../../ebpf/object-functions.ts';
import { InputError, UsageError } from '../errors.ts';
import { factsFrom } from '../machine/read-facts.ts';
import { asksForJson } from '../output-format.ts';
import { readObjects, readRuntimeTypes } from './object-files.ts';
import { readPolicies, requirePaths, showDiagnostics } from './read-policies.ts';

export const policyCostUsage = `Usage: jatai policy cost FILE|DIR... [options]

What policies cost before they are loaded: machine instructions of one call of each hook, by how the call ends, for
each policy alone and for all together. Counted by following the compiled programs and the functions they call;
docs/cost.md says how, and how far measurements are from it. Loads nothing.

  --live TIME           count for this time how often each hook is called on this machine (10s), with empty
                        programs that have no effect, and give shares of a CPU; needs root
  --facts FILE          for the kernel that jatai facts described; needs no root
  -o, --output FORMAT   text (default) or json

Without --facts it is this machine's kernel. Exit status 1 when a policy has errors.

Examples:
  jatai policy cost policy.yaml
  jatai policy cost tracing-policies --live 10s
  jatai policy cost tracing-policies --facts kernel.json -o json
`;

interface CostSettings {
  readonly paths: readonly string[];
  readonly facts: string | undefined;
  readonly liveMs: number | undefined;
  readonly json: boolean;
}

/** `jatai policy cost`: returns the exit status. */
export async function policyCostCommand(args: string[]): Promise<number> {
  const settings = parseSettings(args);
  const { policies, diagnostics, texts, sourceText } = readPolicies(settings.paths);
  const facts = await factsFrom(settings.facts);
  const hasErrors = showDiagnostics(diagnostics, texts);
  if (policies.length === 0) return 1;
  if (policies.some(({ loader }) => loader !== undefined))
    process.stderr.write('jatai: what "loader" costs when files are mapped is not counted here\n');
  const functions = readObjectFunctions(readObjects(facts).runtime);
  const costs = policyCosts(policies, { facts, runtime: readRuntimeTypes(), sourceText, functions });
  if (!settings.json) process.stdout.write(printCosts(costs, facts));
  const measured = settings.liveMs === undefined ? undefined : await measure(costs, settings.liveMs);
  const live = measured && { costs: liveCosts(costs, measured), measured };
  if (settings.json) process.stdout.write(`${JSON.stringify(costsAsJson(costs, facts, live), null, 2)}\n`);
  else if (live !== undefined) process.stdout.write(printLiveCosts(live.costs, live.measured));
  return hasErrors ? 1 : 0;
}

function parseSettings(args: string[]): CostSettings {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      facts: { type: 'string' },
      live: { type: 'string' },
      output: { type: 'string', short: 'o', default: 'text' },
    },
  });
  const json = asksForJson(values.output);
  if (values.live !== undefined && values.facts !== undefined)
    throw new UsageError('--live counts on this machine: leave out --facts');
  const liveMs = values.live === undefined ? undefined : parseLive(values.live);
  return { paths: requirePaths(positionals), facts: values.facts, liveMs, json };
}

function parseLive(text: string): number {
  try {
    const ms = durationType.parse(text);
    if (ms > 0) return ms;
  } catch (error) {
    throw new UsageError(`--live "${text}" is not ${(error as Error).message}`);
  }
  throw new UsageError(`--live "${text}" is no time to count in`);
}

async function measure(costs: PolicyCosts, durationMs: number): Promise<LiveMeasurement> {
  if (process.getuid?.() !== 0)
    throw new InputError('--live attaches programs: it needs root', 'Leave it out, or use sudo.');
  const { countCalls } = await import('../../agent/call-counter.ts');
  const { instructionTimeNs } = await import('../../agent/machine-speed.ts');
  const instructionNs = instructionTimeNs();
  const sections = costs.hooks.map(({ hook }) => hook.entry.section);
  return { durationMs, instructionNs, ...(await countCalls(sections, durationMs)) };
}
