import type { DecodeError } from './decode.ts';

/** Everything that was dropped, cut or not understood on the way from the ring to the sinks, since the start. */
export interface PipelineCounters extends HookCounters, ExecCounters {
  readonly records: number;
  readonly events: number;
  readonly decodeErrors: Readonly<Record<DecodeError, number>>;
  /** Events whose process is known by its id alone. */
  readonly unknownProcesses: number;
  /** Cgroups whose events were held back, and are not any more. */
  readonly throttleStarts: number;
  readonly throttleStops: number;
  readonly processEvictions: number;
  /** Those of them that later events could have referred to. */
  readonly processLosses: number;
}

/** Of calls that policies matched. */
export interface HookCounters {
  /** Records of a plan that was never added, or retired too long ago. */
  readonly unknownPlans: number;
  /** Matched selectors that the plan does not have. */
  readonly unknownSelectors: number;
  /** Matches of selectors with `NoPost`. */
  readonly notPosted: number;
  /** Matches that `matchReturnArgs` refused. */
  readonly returnsFiltered: number;
  /** Calls whose return was awaited, and those that it came for, by function or tracepoint. */
  readonly awaitedReturns: number;
  readonly joinedReturns: Readonly<Record<string, number>>;
  readonly orphanReturns: number;
  /** Calls reported without their return value. */
  readonly unreturnedCalls: number;
}

/** Of programs whose arguments come in several records. */
export interface ExecCounters {
  /** Those now waiting for theirs, at most so many, and those that had to make room. */
  readonly waitingArguments: number;
  readonly waitingArgumentsLimit: number;
  readonly evictedArguments: number;
  readonly orphanArguments: number;
  readonly truncatedArguments: number;
}
