import type protobuf from 'protobufjs';
import type { DescribedFiles } from './file-descriptors.ts';
import { decodeMessage, encodeMessage, methodPath, methodTypes } from './method.ts';
import type { Routes } from './server.ts';
import type { CallHandler, ServerCall } from './server-call.ts';
import { statusCodes } from './status.ts';

interface ReflectionRequest {
  readonly host?: string;
  readonly file_by_filename?: string;
  readonly file_containing_symbol?: string;
  readonly file_containing_extension?: object;
  readonly all_extension_numbers_of_type?: string;
  readonly list_services?: string;
}

/** Server reflection: `services` are its versions, `served` the names of what is served. */
export function reflectionRoutes(
  root: protobuf.Root,
  services: readonly protobuf.Service[],
  served: readonly string[],
): Routes {
  let files: Promise<DescribedFiles> | undefined;
  const answer = async (request: ReflectionRequest): Promise<object> => {
    files ??= describe(root);
    return { valid_host: request.host ?? '', original_request: request, ...respond(request, await files, served) };
  };
  return new Map(
    services.map((service) => [methodPath(service, 'ServerReflectionInfo'), (call) => serve(service, call, answer)]),
  );
}

/** Hardly any server is ever asked: what it takes is loaded then. */
async function describe(root: protobuf.Root): Promise<DescribedFiles> {
  const { describeFiles } = await import('./file-descriptors.ts');
  return describeFiles(root);
}

/** Requests are answered in their order; the call ends when the client has asked its last and has its answer. */
function serve(
  service: protobuf.Service,
  call: ServerCall,
  answer: (request: ReflectionRequest) => Promise<object>,
): CallHandler {
  const { requestType, responseType } = methodTypes(service, 'ServerReflectionInfo');
  let last = Promise.resolve();
  return {
    onMessage: (message) => {
      last = last.then(async () => {
        const request = decodeMessage<ReflectionRequest>(requestType, message);
        call.send(encodeMessage(responseType, await answer(request)));
      });
      return last;
    },
    onHalfClose: () => {
      last.then(
        () => call.finish(),
        () => {},
      );
    },
  };
}

function respond(request: ReflectionRequest, files: DescribedFiles, served: readonly string[]): object {
  if (request.list_services !== undefined) {
    return { list_services_response: { service: served.map((name) => ({ name })) } };
  }
  if (request.file_by_filename !== undefined) return fileResponse(request.file_by_filename, files);
  if (request.file_containing_symbol !== undefined) {
    return fileResponse(files.fileOfSymbol(request.file_containing_symbol), files, request.file_containing_symbol);
  }
  if (request.all_extension_numbers_of_type !== undefined) {
    const name = request.all_extension_numbers_of_type;
    if (files.fileOfSymbol(name) === undefined) return notFound(name);
    return { all_extension_numbers_response: { base_type_name: name, extension_number: [] } };
  }
  return notFound('such an extension');
}

function fileResponse(name: string | undefined, files: DescribedFiles, wanted = name): object {
  const found = name === undefined ? [] : files.withImports(name);
  if (found.length === 0) return notFound(wanted ?? '');
  return { file_descriptor_response: { file_descriptor_proto: found } };
}

function notFound(what: string): object {
  return { error_response: { error_code: statusCodes.NOT_FOUND, error_message: `${what} is not known here` } };
}
