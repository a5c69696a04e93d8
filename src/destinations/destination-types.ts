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

/** By the word after `type:`. A module is loaded only when an output needs it. */
export const destinationTypes: Readonly<Record<string, () => Promise<AnyDestinationType>>> = {
  kafka: async () => (await import('./kafka/kafka.ts')).destinationType,
  otlp: async () => (await import('./otlp/otlp.ts')).destinationType,
  syslog: async () => (await import('./syslog/syslog.ts')).destinationType,
  webhook: async () => (await import('./webhook/webhook.ts')).destinationType,
};

// biome-ignore lint/suspicious/noExplicitAny: destinations of all kinds side by side, each with its own configuration
export type AnyDestinationType = DestinationType<any>;
