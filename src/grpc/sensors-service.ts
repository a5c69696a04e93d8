import type protobuf from 'protobufjs';
import { PolicyRequestError } from '../agent/policy-registry.ts';
import type { PolicyMode } from '../policy/model.ts';
import { debugMethods } from './debug.ts';
import { getEventsRoute } from './get-events.ts';
import { agentInfo } from './info.ts';
import type {
  AddTracingPolicyRequest,
  ConfigureTracingPolicyRequest,
  PolicyRequest,
  TracingPolicyMode,
} from './messages.ts';
import { type Access, methodPath, type UnaryMethod, unaryRoute } from './method.ts';
import type { Peer } from './peer.ts';
import { policyStatus } from './policy-status.ts';
import type { ServedAgent } from './served-agent.ts';
import type { Routes } from './server.ts';
import { StatusError, type StatusName } from './status.ts';

// biome-ignore lint/suspicious/noExplicitAny: each method has its own request
type Methods = Readonly<Record<string, readonly [access: Access, method: UnaryMethod<any, object>]>>;

/** `tetragon.FineGuidanceSensors`. Methods that Tetragon has given up answer UNIMPLEMENTED with what to use instead. */
export function sensorsRoutes(service: protobuf.Service, agent: ServedAgent): Routes {
  const methods: Methods = {
    ...policyMethods(agent),
    ...debugMethods(service.root, agent),
    GetHealth: ['read', () => health],
    GetVersion: ['read', () => ({ version: agent.version })],
    GetInfo: ['read', () => agentInfo(agent)],
    /* Nothing here has to know of a container before it starts; an error would keep it from starting. */
    RuntimeHook: ['change', () => ({})],
    EnableTracingPolicy: ['change', deprecatedSwitch(agent, true)],
    DisableTracingPolicy: ['change', deprecatedSwitch(agent, false)],
    ListSensors: ['read', gone('use ListTracingPolicies')],
    EnableSensor: ['change', gone('use ConfigureTracingPolicy')],
    DisableSensor: ['change', gone('use ConfigureTracingPolicy')],
    RemoveSensor: ['change', gone('use DeleteTracingPolicy')],
  };
  return new Map([
    [methodPath(service, 'GetEvents'), getEventsRoute(service, agent)],
    ...Object.entries(methods).map(([name, [access, method]]) => unaryRoute(service, name, access, method)),
  ]);
}

function policyMethods({ registry, ...agent }: ServedAgent): Methods {
  const add = ({ yaml = '', domain = '' }: AddTracingPolicyRequest, { name: by }: Peer) => {
    const { name, namespace, domain: given } = registry.add(yaml, domain === '' ? undefined : domain);
    agent.policyChanged({ action: 'added', policy: { name, namespace, domain: given }, settings: {}, by });
    return {};
  };
  const configure = (request: ConfigureTracingPolicyRequest, { name: by }: Peer) => {
    const policy = keyOf(request);
    const mode = request.mode === undefined ? undefined : policyMode(request.mode);
    const settings = {
      ...(request.enable !== undefined && { enabled: request.enable }),
      ...(mode !== undefined && { mode }),
    };
    registry.configure(policy, settings);
    agent.policyChanged({ action: 'changed', policy, settings, by });
    return {};
  };
  const list = ({ domain }: PolicyRequest) => {
    const counts = agent.matchCounts();
    const memory = agent.policyMemory();
    const policies = registry
      .list(domain)
      .map((record) => policyStatus({ record, counts, memoryBytes: memory.get(registry.activePolicy(record)) ?? 0 }));
    return { policies };
  };
  const remove = (request: PolicyRequest, { name: by }: Peer) => {
    const policy = keyOf(request);
    registry.remove(policy);
    agent.policyChanged({ action: 'deleted', policy, settings: {}, by });
    return {};
  };
  return {
    AddTracingPolicy: ['change', reportingRefusals(add)],
    ConfigureTracingPolicy: ['change', reportingRefusals(configure)],
    DeleteTracingPolicy: ['change', reportingRefusals(remove)],
    ListTracingPolicies: ['read', list],
    ListDomains: ['read', () => ({ domains: registry.domains() })],
  };
}

function deprecatedSwitch(agent: ServedAgent, enabled: boolean): UnaryMethod<object, object> {
  if (!agent.deprecatedMethods)
    return gone('use ConfigureTracingPolicy, or start the agent with --enable-deprecated-tracingpolicy-grpc');
  return reportingRefusals((request: PolicyRequest, { name: by }: Peer) => {
    const policy = keyOf(request);
    agent.registry.configure(policy, { enabled });
    agent.policyChanged({ action: 'changed', policy, settings: { enabled }, by });
    return {};
  });
}

function keyOf({ name = '', namespace = '', domain = '' }: PolicyRequest) {
  return { name, namespace, domain: domain === '' ? 'grpc' : domain };
}

function policyMode(mode: TracingPolicyMode): PolicyMode {
  if (mode === 'TP_MODE_ENFORCE') return 'enforce';
  if (mode === 'TP_MODE_MONITOR') return 'monitor';
  throw new StatusError('INVALID_ARGUMENT', `The mode of a policy is TP_MODE_ENFORCE or TP_MODE_MONITOR, not ${mode}`);
}

function reportingRefusals<Request>(method: UnaryMethod<Request, object>): UnaryMethod<Request, object> {
  return (request, peer) => {
    try {
      return method(request, peer);
    } catch (error) {
      if (error instanceof PolicyRequestError) throw new StatusError(refusalStatuses[error.reason], error.message);
      throw error;
    }
  };
}

const refusalStatuses: Readonly<Record<PolicyRequestError['reason'], StatusName>> = {
  invalid: 'INVALID_ARGUMENT',
  exists: 'ALREADY_EXISTS',
  missing: 'NOT_FOUND',
  refused: 'FAILED_PRECONDITION',
  static: 'FAILED_PRECONDITION',
  unkept: 'INTERNAL',
};

function gone(remedy: string): UnaryMethod<object, object> {
  return () => {
    throw new StatusError('UNIMPLEMENTED', `This method is not served: ${remedy}`);
  };
}

const health = {
  health_status: [{ event: 'HEALTH_STATUS_TYPE_STATUS', status: 'HEALTH_STATUS_RUNNING', details: 'running' }],
};
