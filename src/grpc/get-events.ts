import type protobuf from 'protobufjs';
import type { Event } from '../events/events.ts';
import {
  type AggregationOptions,
  defaultAggregation,
  longestWindowMs,
  mostAggregatedEvents,
} from '../export/aggregation.ts';
import { compileFieldFilters } from './field-filter.ts';
import { messageJson } from './message-json.ts';
import type { FilterMessage, GetEventsRequest } from './messages.ts';
import { decodeMessage, methodTypes, singleRequest } from './method.ts';
import type { ServedAgent } from './served-agent.ts';
import type { CallHandler, ServerCall } from './server-call.ts';
import { StatusError } from './status.ts';

/** Clients of the event stream at one time; each may cost `maxWaitingBytes`, and as much again on its way. */
export const maxEventClients = 16;
/** Bytes of events that wait for one client before events are dropped for it. */
export const maxWaitingBytes: number = 32 * 1024 * 1024;

/** `GetEvents`: the stream of events until the client goes away. */
export function getEventsRoute(service: protobuf.Service, agent: ServedAgent): (call: ServerCall) => CallHandler {
  const { requestType, responseType } = methodTypes(service, 'GetEvents');
  return (call) => {
    let close = (): void => {};
    const handler = singleRequest(async (message) => {
      const request = decodeMessage<GetEventsRequest>(requestType, message);
      const accepts = await compileFilters(requestType, message, agent);
      const { clients } = agent.hub.counters();
      if (clients >= maxEventClients)
        throw new StatusError('RESOURCE_EXHAUSTED', `There are ${clients} clients of the event stream already`);
      const transform = compileFieldFilters(request.field_filters, responseType);
      const aggregation = aggregationOf(request);
      const send = (frames: Buffer, done: () => void): void => call.sendFrames(frames, done);
      if (call.closed) return;
      const subscriber = agent.hub.subscribe({
        send,
        maxBytes: maxWaitingBytes,
        sequenceNumbers: request.sequence_numbers ?? false,
        accepts,
        transform,
        aggregation,
      });
      close = () => subscriber.close();
      /* The client knows from now on that it misses nothing. */
      call.respond();
    });
    return { ...handler, onClosed: () => close() };
  };
}

/** The filters of a request, compiled from their JSON: wrappers are values there, and enums names. */
async function compileFilters(
  type: protobuf.Type,
  message: Buffer,
  agent: ServedAgent,
): Promise<((event: Event) => boolean) | undefined> {
  const { allow_list: allow = [], deny_list: deny = [] } = messageJson(type, type.decode(message)) as FilterLists;
  if (allow.length === 0 && deny.length === 0) return undefined;
  try {
    return await agent.compileFilters(allow, deny);
  } catch (error) {
    throw new StatusError('INVALID_ARGUMENT', (error as Error).message);
  }
}

interface FilterLists {
  readonly allow_list?: readonly FilterMessage[];
  readonly deny_list?: readonly FilterMessage[];
}

/** Tetragon's defaults for what is not set. */
function aggregationOf({ aggregation_options: options }: GetEventsRequest): AggregationOptions | undefined {
  if (options === undefined) return undefined;
  const { seconds = 0, nanos = 0 } = options.window_size ?? {};
  const windowMs = options.window_size === undefined ? defaultAggregation.windowMs : seconds * 1000 + nanos / 1e6;
  if (!(windowMs > 0 && windowMs <= longestWindowMs))
    throw new StatusError('INVALID_ARGUMENT', 'aggregation_options.window_size is not a time up to an hour');
  const maxEvents = Math.min(options.channel_buffer_size || defaultAggregation.maxEvents, mostAggregatedEvents);
  return { windowMs, maxEvents };
}
