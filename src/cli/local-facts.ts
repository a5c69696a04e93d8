import type { FeatureFact, KernelFacts, KernelFeature } from '../compiler/kernel-facts.ts';
import { collectFacts } from '../kernel/facts.ts';

export interface LocalFacts {
  readonly facts: KernelFacts;
  /** What is assumed, because it could not be tried; empty for root. */
  readonly assumed: readonly KernelFeature[];
}

/**
 * Facts of the running kernel, for explaining. Features that the kernel does not let this user try are taken to be
 * there: which ones is said, so that nobody takes the result for certain.
 */
export function collectLocalFacts(): LocalFacts {
  const facts = collectFacts();
  if (process.getuid?.() === 0) return { facts, assumed: [] };
  const features = Object.entries(facts.features) as [KernelFeature, FeatureFact][];
  const assumed = features.filter(([, fact]) => isForbidden(fact)).map(([feature]) => feature);
  const granted = Object.fromEntries(assumed.map((feature) => [feature, { available: true, reason: '' }]));
  return { facts: { ...facts, features: { ...facts.features, ...granted } }, assumed };
}

function isForbidden({ available, reason }: FeatureFact): boolean {
  return !available && reason.startsWith('not permitted (EPERM)');
}

/** What to say of facts that were collected without root. */
export function localFactsNote(assumed: readonly KernelFeature[]): string {
  const list = assumed.length === 0 ? '' : ` taken to be there without a try: ${assumed.join(', ')};`;
  return `not root:${list} tracepoints cannot be listed. For certainty run as root, or use --facts FILE.`;
}
