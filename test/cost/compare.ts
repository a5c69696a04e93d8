import { collectFacts } from '../../src/kernel/facts.ts';
import { compareWithMeasurements } from './comparison.ts';

// Prints what `jatai policy cost` predicts beside what is counted, one line of JSON for each case:
// make vm KERNEL=6.12 ICOUNT=1 APPEND=mitigations=off CMD='node test/cost/compare.ts'

compareWithMeasurements(collectFacts(), (comparison) => {
  const { measured, predicted } = comparison;
  const error = `${(((predicted - measured) / measured) * 100).toFixed(1)} %`;
  process.stdout.write(`${JSON.stringify({ ...comparison, error })}\n`);
});
