import { type OptionValues, optional } from '../../config/option.ts';
import { textType } from '../../config/option-types.ts';
import type { ProcessEncoderOptions } from '../../events/json/process-encoder.ts';
import type { ArgumentRedactor } from '../../events/processes/redact-arguments.ts';
import { createCelCompiler } from '../../filters/cel-filter.ts';
import { compileEventLists, type EventPredicate, type FilterContext } from '../../filters/event-filter.ts';
import { eventLines } from '../../filters/event-lines.ts';
import { compileFieldFilters, type LineCutter } from '../../filters/field-filter.ts';
import { type FilterObject, parseFilterList } from '../../filters/filter-json.ts';
import { compileRedaction } from '../../filters/redaction.ts';

/** Settings of `jatai run` about what its outputs show. Each is a row of JSON objects, as Tetragon's API defines them. */
export const filterOptions = {
  'export-allowlist': optional(textType('FILTERS'), 'only events that one of these filters matches'),
  'export-denylist': optional(textType('FILTERS'), 'no events that one of these filters matches'),
  'field-filters': optional(textType('FILTERS'), 'only these fields of events, or all but these, in JSON'),
  'redaction-filters': optional(textType('FILTERS'), 'what to hide in arguments and environment of programs'),
} as const;

/** What all outputs of a run have in common. Each is undefined when it was not asked for. */
export interface OutputFilters {
  readonly accepts: EventPredicate | undefined;
  readonly cut: LineCutter | undefined;
  readonly redact: ArgumentRedactor | undefined;
  /** For filters that an output has of its own. */
  readonly context: FilterContext;
}

/** What the filters need to know of the run. */
export interface FilterContent {
  readonly withCredentials: boolean;
  /** How events are encoded; asked for when the first event comes. */
  readonly encoding: () => ProcessEncoderOptions;
}

/** Throws a FilterError for a filter that cannot be used. */
export function compileOutputFilters(
  values: OptionValues<typeof filterOptions>,
  content: FilterContent,
): OutputFilters {
  const list = (name: keyof typeof filterOptions): FilterObject[] => parseFilterList(`--${name}`, values[name] ?? '');
  const context = filterContext(content);
  return {
    accepts: compileEventLists(list('export-allowlist'), list('export-denylist'), context),
    cut: compileFieldFilters(list('field-filters')),
    redact: compileRedaction(list('redaction-filters')),
    context,
  };
}

/** What filters of events can use, those of the command line and those of clients. */
export function filterContext({ withCredentials, encoding }: FilterContent): FilterContext {
  return { withCredentials, cel: createCelCompiler(eventLines(encoding)) };
}
