import type { SourceText } from '../model.ts';
import { textOf, textsOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** Bounds of the language that are not ours: other engines cut what is longer. */
const messageLength = { min: 2, max: 256 };
const tagLength = { min: 2, max: 128 };
const maxTags = 16;

/** Messages and tags outside the language's bounds are kept whole, with a warning for those who run the policy elsewhere. */
export const messageAndTags: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    const message = textOf(hook.node, 'message');
    if (message !== undefined) warn('message', message, messageLength);
    const tags = textsOf(hook.node, 'tags');
    for (const tag of tags) warn('tag', tag, tagLength);
    if (tags.length > maxTags) {
      report.warning(
        tags[maxTags]!.position,
        'tag-count',
        `The language allows ${maxTags} tags: all ${tags.length} are kept`,
      );
    }
  }

  function warn(what: string, text: SourceText, bounds: { min: number; max: number }): void {
    const { length } = text.text;
    if (length >= bounds.min && length <= bounds.max) return;
    const message = `The ${what} is of length ${length}, the language allows ${bounds.min} to ${bounds.max}: it is kept whole`;
    report.warning(text.position, `${what}-length`, message);
  }
};
