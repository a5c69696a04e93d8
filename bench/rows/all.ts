import type { Row } from '../row.ts';
import { agentRows } from './agent.ts';
import { burstRows } from './burst.ts';
import { eventRows } from './events.ts';
import { memoryRows } from './memory.ts';
import { peerRows } from './peers.ts';
import { policyCurveRows } from './policy-curve.ts';
import { processRows } from './processes.ts';
import { refusedCallRows } from './refused-calls.ts';

/** Every row, in the order in which they are measured and shown. */
export const allRows: readonly Row[] = [
  ...refusedCallRows,
  ...policyCurveRows,
  ...processRows,
  ...eventRows,
  ...burstRows,
  ...agentRows,
  ...memoryRows,
  ...peerRows,
];
