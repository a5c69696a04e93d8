import type { KernelFacts } from '../compiler/kernel-facts.ts';
import { type OptionValues, optional } from '../config/option.ts';
import { textType } from '../config/option-types.ts';
import { EventEncoder } from '../events/event-encoder.ts';
import type { Event } from '../events/events.ts';
import { ProcessEncoder } from '../events/process-encoder.ts';
import type { ArgumentRedactor } from '../events/redact-arguments.ts';
import { WallClock } from '../events/wall-clock.ts';
import { namespaceOrder } from '../events/wire.ts';
import type { CelCompiler } from '../filters/cel-filter.ts';
import { compileEventLists, type EventPredicate } from '../filters/event-filter.ts';
import { compileFieldFilters, type LineCutter } from '../filters/field-filter.ts';
import { type FilterObject, parseFilterList } from '../filters/filter-json.ts';
import { compileRedaction } from '../filters/redaction.ts';
import { bootTimeOffsetNs } from '../kernel/system.ts';

/** Settings of `jatai run` about what its outputs show. Each is a row of JSON objects, as Tetragon's API defines them. */
export const filterOptions = {
  'export-allowlist': optional(textType('FILTERS'), 'only events that one of these filters matches'),
  'export-denylist': optional(textType('FILTERS'), 'no events that one of these filters matches'),
  'field-filters': optional(textType('FILTERS'), 'only these fields of events, or all but these, in JSON'),
  'redaction-filters': optional(textType('FILTERS'), 'what to hide in the arguments of programs'),
} as const;

/** What all outputs of a run have in common. Each is undefined when it was not asked for. */
export interface OutputFilters {
  readonly accepts: EventPredicate | undefined;
  readonly cut: LineCutter | undefined;
  readonly redact: ArgumentRedactor | undefined;
}

export interface EventContent {
  readonly nodeName: string;
  readonly facts: KernelFacts;
  readonly withCredentials: boolean;
  readonly withNamespaces: boolean;
}

/** Rejects with a FilterError for a filter that cannot be used. */
export async function compileOutputFilters(
  values: OptionValues<typeof filterOptions>,
  content: EventContent,
): Promise<OutputFilters> {
  const list = (name: keyof typeof filterOptions): FilterObject[] => parseFilterList(`--${name}`, values[name] ?? '');
  const allow = list('export-allowlist');
  const deny = list('export-denylist');
  const context = { withCredentials: content.withCredentials, cel: await celFor([...allow, ...deny], content) };
  return {
    accepts: compileEventLists(allow, deny, context),
    cut: compileFieldFilters(list('field-filters')),
    redact: compileRedaction(list('redaction-filters')),
  };
}

/** CEL is loaded only when a filter has an expression. */
async function celFor(filters: readonly FilterObject[], content: EventContent): Promise<CelCompiler | undefined> {
  const asked = filters.some(({ values }) => 'cel_expression' in values || 'celExpression' in values);
  if (!asked) return undefined;
  const { createCelCompiler } = await import('../filters/cel-filter.ts');
  return createCelCompiler(eventLines(content));
}

/** Encodes an event as the outputs do, for those who look at it before it is known who wants it. */
function eventLines({ nodeName, facts, ...content }: EventContent): (event: Event) => Buffer {
  const clock = new WallClock(bootTimeOffsetNs());
  const hostNamespaces = namespaceOrder.map((name) => facts.hostNamespaces[name] ?? 0);
  const encoder = new EventEncoder(
    new ProcessEncoder({ nodeName, clock, hostNamespaces, ...content }),
    clock,
    nodeName,
  );
  return (event) => {
    clock.setOffset(bootTimeOffsetNs());
    encoder.encode(event);
    return encoder.writer.buffer.subarray(0, encoder.writer.length);
  };
}
