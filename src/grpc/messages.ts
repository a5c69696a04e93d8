/**
 * Requests and responses as plain objects with the names of the proto files (`api/tetragon/`). Lists and maps are always
 * there in what arrives; other fields are absent when they have their default.
 */

/** A `Filter` in the form of its JSON. */
export interface FilterMessage {
  readonly [field: string]: unknown;
}

/** Values that an enum does not have come as numbers. */
export interface FieldFilterMessage {
  readonly event_set?: readonly (string | number)[];
  readonly fields?: { readonly paths?: string[] };
  readonly action?: 'INCLUDE' | 'EXCLUDE' | number;
  readonly invert_event_set?: { readonly value?: boolean };
}

export interface GetEventsRequest {
  readonly aggregation_options?: {
    readonly window_size?: { readonly seconds?: number; readonly nanos?: number };
    readonly channel_buffer_size?: number;
  };
  readonly field_filters: readonly FieldFilterMessage[];
  readonly sequence_numbers?: boolean;
}

export interface PolicyRequest {
  readonly name?: string;
  readonly namespace?: string;
  readonly domain?: string;
}

export interface AddTracingPolicyRequest {
  readonly yaml?: string;
  readonly domain?: string;
}

export type TracingPolicyMode = 'TP_MODE_UNKNOWN' | 'TP_MODE_ENFORCE' | 'TP_MODE_MONITOR' | 'TP_MODE_MONITOR_ONLY';

export type TracingPolicyState =
  | 'TP_STATE_ENABLED'
  | 'TP_STATE_DISABLED'
  | 'TP_STATE_LOAD_ERROR'
  | 'TP_STATE_PARTIALLY_ENABLED';

export interface ConfigureTracingPolicyRequest extends PolicyRequest {
  readonly enable?: boolean;
  readonly mode?: TracingPolicyMode;
}

export interface ActionCounters {
  post: number;
  signal: number;
  monitor_signal: number;
  override: number;
  monitor_override: number;
  nopost: number;
}

export interface SelectorActionCounters {
  readonly hook: string;
  readonly hook_index: { readonly value: number };
  readonly selector_index: { readonly value: number };
  readonly action_counters: ActionCounters;
  readonly selector_label: string;
}

export interface HookStatus {
  readonly section: string;
  readonly state: 'STATUS_LOADED' | 'STATUS_CALL_NOT_FOUND' | 'STATUS_UNSPECIFIED';
  readonly hook_description: string;
  readonly hook_idx: number;
}

export interface TracingPolicyStatus {
  readonly id: number;
  readonly name: string;
  readonly namespace: string;
  readonly info: string;
  readonly sensors: readonly string[];
  readonly enabled: boolean;
  readonly filter_id: number;
  readonly error: string;
  readonly state: TracingPolicyState;
  readonly kernel_memory_bytes: number;
  readonly mode: TracingPolicyMode;
  readonly stats?: {
    readonly action_counters: ActionCounters;
    readonly selector_action_counters: readonly SelectorActionCounters[];
  };
  readonly domain: string;
  readonly hook_statuses: readonly HookStatus[];
}

export interface Probe {
  readonly Name: string;
  readonly Enabled: { readonly value: boolean };
}

export type LogLevel =
  | 'LOG_LEVEL_PANIC'
  | 'LOG_LEVEL_FATAL'
  | 'LOG_LEVEL_ERROR'
  | 'LOG_LEVEL_WARN'
  | 'LOG_LEVEL_INFO'
  | 'LOG_LEVEL_DEBUG'
  | 'LOG_LEVEL_TRACE';

/** Values that an enum does not have come as numbers. */
export interface DebugRequest {
  readonly flag?: 'CONFIG_FLAG_LOG_LEVEL' | 'CONFIG_FLAG_DUMP_PROCESS_CACHE' | number;
  readonly level?: LogLevel | number;
  readonly dump?: { readonly skip_zero_refcnt?: boolean; readonly exclude_execve_map_processes?: boolean };
}
