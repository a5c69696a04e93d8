import type protobuf from 'protobufjs';
import { unaryRoute } from './method.ts';
import type { EventLog, EventLogParameters, ServedAgent } from './served-agent.ts';
import type { Routes } from './server.ts';
import { StatusError } from './status.ts';

/** Rotation of the event file at run time. */
export function eventLogRoutes(service: protobuf.Service, agent: ServedAgent): Routes {
  const eventLog = (): EventLog => {
    if (agent.eventLog !== undefined) return agent.eventLog;
    throw new StatusError('UNIMPLEMENTED', 'This agent writes no event file that rotates; see --export-filename');
  };
  const set = (request: Partial<EventLogParameters>) => {
    try {
      eventLog().set(request);
    } catch (error) {
      if (error instanceof StatusError) throw error;
      throw new StatusError('INVALID_ARGUMENT', (error as Error).message);
    }
    return {};
  };
  return new Map([
    unaryRoute(service, 'GetEventLogParams', 'read', () => eventLog().get()),
    unaryRoute(service, 'SetEventLogParams', 'change', set),
  ]);
}
