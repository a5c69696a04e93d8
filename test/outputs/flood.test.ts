import { expect, test } from 'vitest';
import { runFlood } from '../soak/flood-run.ts';
import { judgeFlood } from '../soak/judge-flood.ts';

/** A machine that has other work to do takes fewer; the last of these any machine takes. */
const rates = [200_000, 100_000, 50_000, 20_000, 5000];

test('events are where they belong or counted as lost, and none is lost at a rate that the machine takes', async ({
  skip,
}) => {
  skip(process.getuid?.() !== 0, 'needs root');
  for (const eventsPerSecond of rates) {
    const { exact, complete, lines } = judgeFlood(await runFlood({ eventsPerSecond, seconds: 3 }));
    console.log(`flood of ${eventsPerSecond} a second: ${lines.join('; ')}`);
    expect(exact, lines.join('\n')).toBe(true);
    if (complete) return;
  }
  expect.unreachable('events are lost at every rate');
}, 400_000);
