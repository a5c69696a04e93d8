import type { Sample } from './samples.ts';

/** What is different from the samples, as path and text of a difference, and why that is right. */
export const known: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /\.refcnt is missing$/,
    reason: 'a counter inside the agent, shown while it changes: it says nothing about the process',
  },
  {
    pattern: /^process_exec\.(parent|ancestors) is not in the sample$/,
    reason: 'Tetragon had lost the parent of the program in this sample: here it is known',
  },
  {
    pattern: /^time is not in the sample$/,
    reason: 'Tetragon gives no time to events of mapped files: without it they have no place in a stream',
  },
];

/** Why a sample has no twin; undefined when it has one. */
export function notProduced({ event }: Sample): string | undefined {
  const kind = Object.keys(event)[0];
  if (kind === 'process_uprobe') return 'policies with "uprobes" are refused: hooks in programs are not compiled';
  return undefined;
}
