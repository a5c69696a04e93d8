import type { KeyTable } from '../config/key-table.ts';
import type { Destination, DestinationContext } from './destination.ts';

/** What the module of a destination exports as `destinationType`. */
export interface DestinationType<Config> {
  /** The keys of an output of this type beside those that all outputs have. */
  readonly keys: KeyTable;
  /** What contradicts what, beyond single values: reports by `problem(key, message, hint)`. */
  readonly check?: (config: Config, problem: (key: string, message: string, hint?: string) => void) => void;
  /** Makes the destination. Does not need the receiver to be there: connecting is part of `deliver`. */
  readonly open: (config: Config, context: DestinationContext) => Promise<Destination>;
}
