import type { Position } from './model.ts';

/** One finding about a user's policy. Collected and sorted, never thrown. */
export interface Diagnostic extends Position {
  readonly file: string;
  readonly severity: 'error' | 'warning';
  /** Stable kebab-case name of the rule, for example `unknown-operator`. */
  readonly code: string;
  readonly message: string;
  /** What to write instead; empty when there is nothing better to say than the message. */
  readonly hint: string;
}
