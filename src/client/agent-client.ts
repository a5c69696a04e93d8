import type protobuf from 'protobufjs';
import { loadApi, tetragonFiles } from '../grpc/api-root.ts';
import { messageJson } from '../grpc/message-json.ts';
import type {
  AddTracingPolicyRequest,
  ConfigureTracingPolicyRequest,
  DebugRequest,
  FieldFilterMessage,
  FilterMessage,
  LogLevel,
  PolicyRequest,
  TracingPolicyStatus,
} from '../grpc/messages.ts';
import { encodeMessage, methodPath, methodTypes } from '../grpc/method.ts';
import type { GrpcClient } from './grpc-client.ts';

export interface EventsRequest {
  readonly allow_list: readonly FilterMessage[];
  readonly deny_list: readonly FilterMessage[];
  readonly field_filters: readonly FieldFilterMessage[];
}

/** An agent's API with plain objects; events as the objects of their JSON lines. */
export class AgentClient {
  readonly #client: GrpcClient;
  readonly #service: protobuf.Service;

  constructor(client: GrpcClient) {
    this.#client = client;
    this.#service = loadApi(tetragonFiles).lookupService('tetragon.FineGuidanceSensors');
  }

  async *getEvents(request: EventsRequest): AsyncGenerator<JsonEvent, void> {
    const { requestType, responseType } = methodTypes(this.#service, 'GetEvents');
    const path = methodPath(this.#service, 'GetEvents');
    for await (const message of this.#client.stream(path, encodeMessage(requestType, request)))
      yield messageJson(responseType, responseType.decode(message)) as JsonEvent;
  }

  async addPolicy(request: AddTracingPolicyRequest): Promise<void> {
    await this.#unary('AddTracingPolicy', request);
  }

  async deletePolicy(request: PolicyRequest): Promise<void> {
    await this.#unary('DeleteTracingPolicy', request);
  }

  async configurePolicy(request: ConfigureTracingPolicyRequest): Promise<void> {
    await this.#unary('ConfigureTracingPolicy', request);
  }

  async listPolicies(domain: string): Promise<TracingPolicyStatus[]> {
    const { policies } = await this.#unary<{ policies: TracingPolicyStatus[] }>('ListTracingPolicies', { domain });
    return policies;
  }

  async getHealth(): Promise<readonly { readonly status?: string; readonly details?: string }[]> {
    const request = { event_set: ['HEALTH_STATUS_TYPE_STATUS'] };
    const response = await this.#unary<{ health_status: { status?: string; details?: string }[] }>(
      'GetHealth',
      request,
    );
    return response.health_status;
  }

  async getVersion(): Promise<string> {
    const { version } = await this.#unary<{ version?: string }>('GetVersion', {});
    return version ?? '';
  }

  /** Probes of the kernel, options and build of the agent. */
  async getInfo(): Promise<object> {
    return this.#unary('GetInfo', {});
  }

  async getLogLevel(): Promise<LogLevel> {
    const request: DebugRequest = { flag: 'CONFIG_FLAG_LOG_LEVEL' };
    const { level } = await this.#unary<{ level?: LogLevel }>('GetDebug', request);
    return level ?? 'LOG_LEVEL_PANIC';
  }

  async setLogLevel(level: LogLevel): Promise<void> {
    const request: DebugRequest = { flag: 'CONFIG_FLAG_LOG_LEVEL', level };
    await this.#unary('SetDebug', request);
  }

  close(): void {
    this.#client.close();
  }

  async #unary<Response>(name: string, request: object): Promise<Response> {
    const { requestType, responseType } = methodTypes(this.#service, name);
    const path = methodPath(this.#service, name);
    const response = await this.#client.unary(path, encodeMessage(requestType, request));
    const options = { longs: Number, enums: String, arrays: true, defaults: true };
    return responseType.toObject(responseType.decode(response), options) as Response;
  }
}

/** An event as Tetragon's JSON has it. */
// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
export type JsonEvent = Readonly<Record<string, any>>;
