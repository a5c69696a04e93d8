/**
 * Options of Tetragon that are none here. Configurations written for it keep working where that is safe: what has no
 * counterpart because it is not needed is passed over with a notice; what would be missed is refused.
 */
export type ForeignOption =
  | { readonly needed: false; readonly reason: string }
  | { readonly needed: true; readonly reason: string; readonly harmless: readonly string[] };

const unneeded = (reason: string): ForeignOption => ({ needed: false, reason });
/** Refused unless it asks for nothing: it is switched off, or left at Tetragon's default. */
const missing = (reason: string, ...harmless: string[]): ForeignOption => ({
  needed: true,
  reason,
  harmless: ['', 'false', '0', ...harmless],
});

const oneCompiler = 'programs are compiled on the node and not chosen from a set';
const ownCache = 'the process cache follows the lifetime of processes';
const noKubernetes = 'Kubernetes metadata is not there yet';

export const tetragonOptions: Readonly<Record<string, ForeignOption>> = {
  'bpf-lib': unneeded(oneCompiler),
  'force-small-progs': unneeded(oneCompiler),
  'force-large-progs': unneeded(oneCompiler),
  'disable-kprobe-multi': unneeded(oneCompiler),
  'use-perf-ring-buffer': unneeded('events always go through the BPF ring buffer'),
  'sleepable-preload-size': unneeded(oneCompiler),
  'retprobes-cache-size': unneeded('returns are joined with their calls by the agent'),
  'release-pinned-bpf': unneeded('pins of an earlier agent are taken over'),
  verbose: unneeded('the verifier is quoted when it refuses a program'),
  'process-cache-size': unneeded(ownCache),
  'process-cache-gc-interval': unneeded(ownCache),
  'data-cache-size': unneeded(ownCache),
  'execve-map-entries': unneeded(ownCache),
  'execve-map-size': unneeded(ownCache),
  'parents-map-enabled': unneeded(ownCache),
  'parents-map-entries': unneeded(ownCache),
  'parents-map-size': unneeded(ownCache),
  'event-queue-size': unneeded('events are not queued between the ring and the outputs'),
  'event-cache-retries': unneeded(ownCache),
  'event-cache-retry-delay': unneeded(ownCache),
  'rb-queue-size': unneeded('events are not queued between the ring and the outputs'),
  'enable-pid-set-filter': unneeded('the filter pid_set is always there'),
  'enable-policy-filter-debug': unneeded('there is nothing to debug'),
  'enable-cgidmap-debug': unneeded('there is nothing to debug'),
  'enable-cgtrackerid': unneeded('cgroups are identified by their id'),
  'disable-process-cache': missing('events need the process cache'),
  'netns-dir': missing('network namespaces are those of /proc', '/var/run/docker/netns/'),
  'enable-tracing-policy-crd': missing(noKubernetes, 'true'),
  'enable-k8s-api': missing(noKubernetes),
  'k8s-kubeconfig-path': missing(noKubernetes),
  'k8s-controlplane-retry': unneeded(noKubernetes),
  'enable-pod-info': missing(noKubernetes),
  'enable-pod-annotations': missing(noKubernetes),
  'enable-policy-filter': missing(noKubernetes),
  'enable-policy-filter-cgroup-map': missing(noKubernetes),
  'enable-cgidmap': missing(noKubernetes),
  'enable-cri': missing(noKubernetes),
  'cri-endpoint': unneeded(noKubernetes),
  'deleted-pod-cache-size': unneeded(noKubernetes),
  'gops-address': missing('Node.js is inspected with kill -USR1 and its inspector'),
  'pprof-address': missing('Node.js is inspected with kill -USR1 and its inspector'),
  cpuprofile: missing('start node with --cpu-prof'),
  memprofile: missing('start node with --heap-prof'),
  btf: missing('types are those of the running kernel'),
  procfs: missing('processes are those of /proc', '/proc', '/proc/'),
  'health-server-interval': unneeded('health is looked at when somebody asks'),
  'log-format': unneeded('the log is JSON lines'),
  'generate-docs': missing('`jatai help run` prints the options'),
  kernel: missing('the running kernel is asked for its version'),
};
