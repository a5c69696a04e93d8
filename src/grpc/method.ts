import type protobuf from 'protobufjs';
import type { Peer } from './peer.ts';
import { requireAdmin } from './peer.ts';
import type { CallHandler, ServerCall } from './server-call.ts';
import { StatusError } from './status.ts';

/** What a method may be called by. */
export type Access = 'read' | 'change';

/** Answers one request; fields have the names of the proto files, those that were not sent have their defaults. */
export type UnaryMethod<Request, Response> = (request: Request, peer: Peer) => Response | Promise<Response>;

/** Turns a function into the route of a method of `service` that has one request and one response. */
export function unaryRoute<Request, Response extends object>(
  service: protobuf.Service,
  name: string,
  access: Access,
  method: UnaryMethod<Request, Response>,
): [path: string, route: (call: ServerCall) => CallHandler] {
  const { requestType, responseType } = methodTypes(service, name);
  const route = (call: ServerCall): CallHandler => {
    if (access === 'change') requireAdmin(call.peer);
    return singleRequest(async (message) => {
      const request = decodeMessage<Request>(requestType, message);
      const response = await method(request, call.peer);
      call.send(encodeMessage(responseType, response));
      call.finish();
    });
  };
  return [methodPath(service, name), route];
}

/** A handler for methods with exactly one request; fewer or more end the call. */
export function singleRequest(handle: (message: Buffer) => void | Promise<void>): CallHandler {
  let received = false;
  return {
    onMessage: (message) => {
      if (received) throw new StatusError('INTERNAL', 'The call has more than the one request of this method');
      received = true;
      return handle(message);
    },
    onHalfClose: () => {
      if (!received) throw new StatusError('INTERNAL', 'The call has no request');
    },
  };
}

/** `/tetragon.FineGuidanceSensors/GetEvents` */
export function methodPath(service: protobuf.Service, name: string): string {
  return `/${service.fullName.slice(1)}/${name}`;
}

export function methodTypes(
  service: protobuf.Service,
  name: string,
): { requestType: protobuf.Type; responseType: protobuf.Type } {
  const method = service.methods[name];
  if (method?.resolvedRequestType == null || method.resolvedResponseType == null)
    throw new Error(`${service.fullName} has no method ${name}`);
  return { requestType: method.resolvedRequestType, responseType: method.resolvedResponseType };
}

/** Throws INVALID_ARGUMENT for bytes that are no such message. */
export function decodeMessage<Message>(type: protobuf.Type, bytes: Uint8Array): Message {
  try {
    return type.toObject(type.decode(bytes), objectOptions) as Message;
  } catch (error) {
    throw new StatusError('INVALID_ARGUMENT', `The request is no ${type.name}: ${(error as Error).message}`);
  }
}

export function encodeMessage(type: protobuf.Type, message: object): Uint8Array {
  return type.encode(type.fromObject(message as Record<string, unknown>)).finish();
}

const objectOptions: protobuf.IConversionOptions = {
  longs: Number,
  enums: String,
  arrays: true,
  objects: true,
  oneofs: true,
};
