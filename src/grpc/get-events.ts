import type protobuf from 'protobufjs';
import type { Event } from '../events/events.ts';
import type { AggregationOptions } from './event-aggregator.ts';
import { compileFieldFilters } from './field-filter.ts';
import type { GetEventsRequest } from './messages.ts';
import { decodeMessage, methodTypes } from './method.ts';
import type { ServedAgent } from './served-agent.ts';
import type { CallHandler, ServerCall } from './server-call.ts';
import { StatusError } from './status.ts';

/** Clients of the event stream at one time; each may cost `maxWaitingBytes`. */
export const maxEventClients = 16;
/** Bytes of events that wait for one client before events are dropped for it. */
export const maxWaitingBytes: number = 32 * 1024 * 1024;

/** `GetEvents`: the stream of events until the client goes away. */
export function getEventsRoute(service: protobuf.Service, agent: ServedAgent): (call: ServerCall) => CallHandler {
  const { requestType, responseType } = methodTypes(service, 'GetEvents');
  return (call) => {
    let close = (): void => {};
    return {
      onMessage: (message) => {
        const request = decodeMessage<GetEventsRequest>(requestType, message);
        if (agent.hub.counters().clients >= maxEventClients)
          throw new StatusError(
            'RESOURCE_EXHAUSTED',
            `There are ${maxEventClients} clients of the event stream already`,
          );
        const subscriber = agent.hub.subscribe({
          send: (frames, done) => call.sendFrames(frames, done),
          maxBytes: maxWaitingBytes,
          accepts: compileLists(request, agent),
          transform: compileFieldFilters(request.field_filters, responseType),
          aggregation: aggregationOf(request),
        });
        close = () => subscriber.close();
        /* The client knows from now on that it misses nothing. */
        call.respond();
      },
      onClosed: () => close(),
    };
  };
}

/** A deny list wins over an allow list; an empty allow list allows everything. */
function compileLists(request: GetEventsRequest, agent: ServedAgent): ((event: Event) => boolean) | undefined {
  const compile = (field: 'allow_list' | 'deny_list'): ((event: Event) => boolean) | undefined => {
    if (request[field].length === 0) return undefined;
    try {
      return agent.compileFilters(request[field]);
    } catch (error) {
      throw new StatusError('INVALID_ARGUMENT', `${field}: ${(error as Error).message}`);
    }
  };
  const allows = compile('allow_list');
  const denies = compile('deny_list');
  if (denies === undefined) return allows;
  return (event) => !denies(event) && (allows === undefined || allows(event));
}

/** Tetragon's defaults for what is not set. */
function aggregationOf({ aggregation_options: options }: GetEventsRequest): AggregationOptions | undefined {
  if (options === undefined) return undefined;
  const { seconds = 0, nanos = 0 } = options.window_size ?? {};
  const windowMs = options.window_size === undefined ? 15_000 : seconds * 1000 + nanos / 1e6;
  if (!(windowMs > 0 && windowMs <= longestWindowMs))
    throw new StatusError('INVALID_ARGUMENT', 'aggregation_options.window_size is not a time up to an hour');
  const maxEvents = Math.min(options.channel_buffer_size || 10_000, mostAggregated);
  return { windowMs, maxEvents };
}

const longestWindowMs = 3_600_000;
/** Different events in a window of one client: each takes about a kilobyte. */
const mostAggregated = 100_000;
