import { type FloodResult, type Received, sumOf } from './flood-run.ts';

export interface FloodJudgement {
  /** Every event that is missing somewhere was counted there as lost. */
  readonly exact: boolean;
  /** Nothing was lost for the file and the client that reads. */
  readonly complete: boolean;
  readonly lines: readonly string[];
}

/** Compares what was made with what arrived and what was counted as lost, everywhere. */
export function judgeFlood({ rate, made, lostInKernel, file, live, asleep, agentUs }: FloodResult): FloodJudgement {
  const kernel = sumOf(lostInKernel);
  const isExact = ({ events, told }: Received) => events + told + kernel === made;
  const isComplete = ({ events }: Received) => events === made;
  const describe = (name: string, received: Received) =>
    `${name}: ${received.events} events, ${received.told} told as missing${isExact(received) ? '' : ': DOES NOT ADD UP'}`;
  return {
    exact: [file, live, asleep].every(isExact),
    complete: [file, live].every(isComplete),
    lines: [
      `made ${made} events, ${Math.round(rate)} a second; lost in the kernel: ${JSON.stringify(lostInKernel)}`,
      `the agent: ${agentUs.toFixed(2)} µs of CPU for each`,
      describe('file', file),
      describe('client that reads', live),
      describe('client that slept', asleep),
    ],
  };
}
