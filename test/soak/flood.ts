import { parseArgs } from 'node:util';
import { runFlood, sumOf } from './flood-run.ts';
import { judgeFlood } from './judge-flood.ts';

// make flood: two processes make events as fast as --rate says; an export file and a client that reads must get them all,
// while another client never reads. When this machine is too slow for that, tries again with three quarters of the rate,
// until nothing is lost: then what was lost above is exactly what was counted.

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '30' },
  },
});
const lowestRate = 5000;
const seconds = Number(values.seconds);
process.exitCode = 1;
for (let rate = Number(values.rate); rate >= lowestRate; rate = Math.round((rate * 3) / 4)) {
  console.log(`flood: ${rate} events a second for ${seconds} s`);
  const result = await runFlood({ eventsPerSecond: rate, seconds });
  const { exact, complete, lines } = judgeFlood(result);
  for (const line of lines) console.log(`flood: ${line}`);
  if (!exact) break;
  if (!complete) continue;
  console.log(
    `flood: ${Math.round(result.rate)} events a second without a loss (kernel: ${sumOf(result.lostInKernel)})`,
  );
  process.exitCode = 0;
  break;
}
