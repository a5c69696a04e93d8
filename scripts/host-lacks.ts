import { PolicyLoader } from '../src/agent/policy-files.ts';
import { featureTitles } from '../src/cli/machine/feature-titles.ts';
import { resolvePolicy } from '../src/compiler/resolve.ts';
import { collectFacts } from '../src/kernel/facts.ts';

// Says which policies of a folder this machine's kernel cannot run, and what it lacks for them. Ends with status 1 when
// there are any. Usage: host-lacks.ts FOLDER

const { policies } = new PolicyLoader(process.argv.slice(2)).load();
const facts = collectFacts();
const refusals = policies
  .map((policy) => ({ policy, errors: resolvePolicy(policy, facts).diagnostics.filter(isError) }))
  .filter(({ errors }) => errors.length > 0);

if (refusals.length > 0) {
  console.log(
    `This kernel, ${facts.release}, cannot run ${refusals.length} of the ${policies.length} default policies:`,
  );
  /* A refusal quotes the features it is about behind a colon: they are listed once, below. */
  for (const { policy, errors } of refusals) {
    console.log(`  ${policy.name.padEnd(24)}${errors[0]!.message.split(': ')[0]}`);
  }
  const messages = refusals.flatMap(({ errors }) => errors.map(({ message }) => message));
  for (const [feature, { available, reason }] of Object.entries(facts.features)) {
    if (available || !messages.some((message) => message.includes(reason))) continue;
    console.log(`It lacks ${featureTitles[feature as keyof typeof featureTitles]}: ${reason}`);
  }
  process.exitCode = 1;
}

function isError({ severity }: { severity: string }): boolean {
  return severity === 'error';
}
