import type { DestinationType } from './destination-type.ts';

/** By the word after `type:`. A module is loaded only when an output needs it. */
export const destinationTypes: Readonly<Record<string, () => Promise<AnyDestinationType>>> = {
  kafka: async () => (await import('./kafka/kafka.ts')).destinationType,
  otlp: async () => (await import('./otlp/otlp.ts')).destinationType,
  syslog: async () => (await import('./syslog/syslog.ts')).destinationType,
  webhook: async () => (await import('./webhook/webhook.ts')).destinationType,
};

// biome-ignore lint/suspicious/noExplicitAny: destinations of all kinds side by side, each with its own configuration
export type AnyDestinationType = DestinationType<any>;
