import { join } from 'node:path';
import type { Logger } from 'pino';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import { BtfFile } from '../ebpf/btf-reader.ts';
import { readElfSection } from '../ebpf/elf-reader.ts';
import type { EventContent } from '../events/event-content.ts';
import { EventPipeline, type RecordHandler } from '../events/event-pipeline.ts';
import type { EventSink } from '../events/event-sink.ts';
import type { MatchCounts } from '../events/hooks/match-counts.ts';
import type { ProcessEncoderOptions } from '../events/json/process-encoder.ts';
import type { PipelineCounters } from '../events/pipeline-counters.ts';
import type { EnvironmentSettings } from '../events/processes/environment.ts';
import type { ProcessCache } from '../events/processes/process-cache.ts';
import type { ArgumentRedactor } from '../events/processes/redact-arguments.ts';
import { counters as counterIndexes, namespaceOrder, recordHeader } from '../events/wire.ts';
import { readProcesses } from '../kernel/procfs.ts';
import { releaseMemorySoon } from '../kernel/release-memory.ts';
import { RingBuffer } from '../kernel/ring-buffer.ts';
import { RingReader } from '../kernel/ring-reader.ts';
import { bootTimeNs, bootTimeOffsetNs } from '../kernel/system.ts';
import type { Policy } from '../policy/model.ts';
import { inSpan } from '../tracing/spans.ts';
import { BaseSensors, needsPreemptionOff } from './base-sensors.ts';
import type { CgroupRate } from './cgroup-rate.ts';
import { enterExistingProcesses, identityIn } from './existing-processes.ts';
import { baseFingerprint, hooksFingerprint } from './fingerprints.ts';
import { HookTable } from './hook-table.ts';
import type { KeptBase } from './kept-base.ts';
import type { KeptObjects } from './kept-objects.ts';
import type { KeptPlan } from './kept-plans.ts';
import { LoaderSensor } from './loader-sensor.ts';
import { LossReport } from './loss-report.ts';
import {
  type GenerationTimes,
  type Observation,
  type ObservedProgram,
  observeHook,
  observePrograms,
} from './observation.ts';
import { type ApplyResult, PolicyManager, type PolicyRefusal } from './policy-manager.ts';
import { ProcessIdentities } from './process-identities.ts';
import { RunDirectory } from './run-directory.ts';
import { SharedMaps } from './shared-maps.ts';

export interface AgentOptions {
  readonly facts: KernelFacts;
  /** The compiled `runtime.o`, `process.o` and `loader.o`. */
  readonly objects: Readonly<Record<'runtime' | 'process' | 'loader', Uint8Array>>;
  readonly sinks: readonly EventSink[];
  readonly nodeName: string;
  readonly log: Logger;
  /** Text of a line of a policy file. */
  readonly sourceText: (file: string, line: number) => string;
  readonly withCredentials?: boolean;
  readonly withNamespaces?: boolean;
  readonly content?: EventContent;
  /** Hides parts of the arguments of programs before anyone sees them. */
  readonly redact?: ArgumentRedactor | undefined;
  /** Shows the environment of programs; undefined to leave it where it is. */
  readonly environment?: EnvironmentSettings | undefined;
  /** Bytes of the event ring, a power of two. */
  readonly ringSize?: number;
  /** Undefined: events are not limited. */
  readonly cgroupRate?: CgroupRate | undefined;
  /** Puts something around the handling of records, for measurements. */
  readonly watchRecords?: ((next: RecordHandler) => RecordHandler) | undefined;
  /** Where other commands learn what runs in the kernel; nowhere by default. */
  readonly runDirectory?: string;
  /** Where sensors and policies outlive this agent, and where it takes over those of an earlier one. The agent closes it. */
  readonly kept?: KeptObjects | undefined;
}

export type KernelCounters = Readonly<Record<keyof typeof counterIndexes, number>>;

export interface AgentCounters {
  /** Since the start, as the kernel programs counted. */
  readonly kernel: KernelCounters;
  readonly pipeline: PipelineCounters;
}

/** Outputs write between batches: the events of one must fit their buffers, also when every one has long arguments. */
const batchRecords = 1024;
const housekeepingIntervalMs = 1000;
/** What an agent forgets that is killed: the ids of processes that started since. */
const identitiesIntervalMs = 30_000;
const identitiesFileName = 'processes.json';

/** The engine on one node: sensors, policies and the way of events from the ring to the sinks. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #maps: SharedMaps;
  readonly #sensors: BaseSensors;
  readonly #loader: LoaderSensor;
  readonly #table: HookTable;
  readonly #pipeline: EventPipeline;
  /** The pipeline, or what watches it. */
  readonly #records: RecordHandler;
  readonly #rings: RingReader;
  readonly #policies: PolicyManager;
  readonly #timer: NodeJS.Timeout;
  readonly #losses: LossReport;
  readonly #runDirectory: RunDirectory | undefined;
  readonly #identities: ProcessIdentities | undefined;
  #identitiesSavedAtMs = performance.now();
  #generations: GenerationTimes = { switches: 0, totalMs: 0, lastMs: 0 };
  readonly #base: KeptBase | undefined;
  /** Of programs that earlier agents loaded: they run until the first policies of this one are live. */
  #inherited: readonly KeptPlan[] = [];
  #tookOver = false;
  readonly #reportedTransient = new Set<string>();
  #closed = false;

  /** Loads and attaches the process sensors and starts to deliver events. Throws a KernelError. */
  constructor(options: AgentOptions) {
    this.#options = options;
    this.#runDirectory =
      options.runDirectory === undefined ? undefined : new RunDirectory(options.runDirectory, options.log);
    this.#identities =
      options.runDirectory === undefined
        ? undefined
        : new ProcessIdentities(join(options.runDirectory, identitiesFileName), options.log);
    const { facts, objects, sinks, nodeName } = options;
    this.#pipeline = new EventPipeline({
      ...options.content,
      nodeName,
      bootToWallNs: bootTimeOffsetNs(),
      sinks,
      hostNamespaces: namespaceOrder.map((name) => facts.hostNamespaces[name] ?? 0),
      withCredentials: options.withCredentials ?? false,
      withNamespaces: options.withNamespaces ?? false,
      redact: options.redact,
      environment: options.environment,
    });
    this.#records = options.watchRecords?.(this.#pipeline) ?? this.#pipeline;
    const mapOptions = {
      ...(options.ringSize === undefined ? {} : { ringSize: options.ringSize }),
      cgroupRate: options.cgroupRate,
    };
    const sensorOptions = {
      preemptionOff: needsPreemptionOff(facts),
      withEnvironment: options.environment !== undefined,
    };
    const fingerprint = () => baseFingerprint(objects.process, mapOptions, sensorOptions);
    this.#base = options.kept?.openBase(fingerprint());
    this.#maps = new SharedMaps(mapOptions, this.#base && ((definition) => this.#base!.map(definition)));
    this.#sensors = new BaseSensors(objects.process, this.#maps, sensorOptions, this.#base);
    this.#loader = new LoaderSensor(objects.loader, this.#maps);
    this.#base?.complete();
    /* After the sensors: what starts in between is seen by one of the two. */
    const existing = enterExistingProcesses(this.#maps, this.#pipeline.cache, {
      processes: readProcesses(),
      earlier: this.#identities?.load(),
      withEnvironment: sensorOptions.withEnvironment,
    });
    if (existing.left > 0)
      options.log.warn({ left: existing.left }, 'the process map is full: these match no matchBinaries');
    options.log.debug({ processes: existing.entered }, 'entered existing processes');
    this.#inherit();
    this.#table = new HookTable(this.#maps, objects.runtime, options.kept?.openHooks(hooksFingerprint()));
    this.#policies = new PolicyManager({
      facts,
      table: this.#table,
      loader: this.#loader,
      runtime: BtfFile.parse(readElfSection(objects.runtime, '.BTF')!),
      plans: {
        addPlan: (plan) => {
          this.#pipeline.addPlan(plan.events);
          this.#base?.plans.save(plan);
        },
        retirePlan: (planId) => this.#retirePlan(planId),
      },
      used: {
        planId: Math.max(0, ...this.#inherited.map(({ events }) => events.planId)),
        hookIds: new Map(this.#inherited.map(({ key, hookId }) => [key, hookId])),
      },
      matches: this.#pipeline.matches,
      sourceText: options.sourceText,
    });
    const { events, reserve } = this.#maps;
    this.#rings = new RingReader(new RingBuffer(events), [new RingBuffer(reserve)], recordHeader.at.ktime);
    this.#rings.start({
      visit: (buffer, offset, length) => this.#records.handle(buffer, offset, length),
      afterBatch: () => this.#pipeline.flush(),
      batchLimit: batchRecords,
      ready: () => !this.#pipeline.isBehind() || this.#isRingFilling(),
    });
    this.#losses = new LossReport({
      kernel: (index) => this.#maps.counter(index),
      pipeline: () => this.#pipeline.counters(),
      missedRuns: () => this.#missedRuns(),
      kept: this.#base?.reported,
      log: options.log,
    });
    this.#timer = setInterval(() => this.#keepHouse(), housekeepingIntervalMs);
  }

  /** Reports the processes that ran before, as Tetragon does at its start. To be called before anything else. */
  reportExistingProcesses(): void {
    this.#pipeline.reportExisting();
  }

  /** Makes these policies the active ones in one switch; returns when every hook is live. */
  setPolicies(policies: readonly Policy[]): ApplyResult {
    return this.#change(() => this.#policies.apply(policies));
  }

  /** What the agent is doing, for metrics; asks the kernel about every hook, so not to be called all the time. */
  observe(): Observation {
    const { loaded, refused } = this.#policies.result;
    const [pending = 0, pendingReserve = 0] = this.#rings.pendingBytes;
    return {
      ...this.counters(),
      rings: [
        { name: 'events', pendingBytes: pending, sizeBytes: this.#maps.events.maxEntries },
        { name: 'reserve', pendingBytes: pendingReserve, sizeBytes: this.#maps.reserve.maxEntries },
      ],
      processes: { size: this.#pipeline.cache.size, capacity: this.#pipeline.cache.capacity },
      hooks: [...this.#table.live.values()].map(observeHook),
      programs: this.#observePrograms(),
      maps: this.#maps.occupancy(),
      missedRuns: this.#missedRuns(),
      policies: { loaded: loaded.length, refused: refused.length },
      generations: this.#generations,
    };
  }

  #observePrograms(): ObservedProgram[] {
    const stats = new Map([...this.#table.stats(), ...this.#sensors.stats()]);
    return observePrograms(this.#table.describe(), this.#sensors.describe(), stats);
  }

  /** The same when `required`, one of them, can be loaded to that extent; else nothing changes and the answer says why. */
  setPoliciesWith(
    policies: readonly Policy[],
    required: Policy,
    extent: 'in full' | 'in part',
  ): ApplyResult | PolicyRefusal {
    return this.#change(() => this.#policies.applyWith(policies, required, extent));
  }

  /** Bytes of kernel memory by policy. */
  policyMemory(): Map<Policy, number> {
    return this.#policies.kernelMemory();
  }

  /** What encoders of events need. */
  get encoding(): ProcessEncoderOptions {
    return this.#pipeline.encoding;
  }

  /**
   * How often each selector matched until this moment: what is in the ring is handled first. Matches whose record found
   * no room in the ring are missing.
   */
  matchCounts(): MatchCounts {
    this.#drain();
    return this.#pipeline.matches;
  }

  /** The same without what is still in the ring. */
  get handledMatches(): MatchCounts {
    return this.#pipeline.matches;
  }

  get processes(): ProcessCache {
    return this.#pipeline.cache;
  }

  /** Learns what the records mean that programs of earlier agents have written, and what of their losses is known. */
  #inherit(): void {
    const base = this.#base;
    if (base === undefined) return;
    this.#inherited = [...base.plans.load().values()];
    for (const { events } of this.#inherited) this.#pipeline.addPlan(events);
    if (base.isAdopted) this.#options.log.info({ programs: this.#inherited.length }, 'took over from an earlier agent');
  }

  #afterSwitch(): void {
    if (this.#options.kept !== undefined && !this.#tookOver) this.#endTakeover(this.#options.kept);
    this.#reportTransient();
  }

  /** The programs of earlier agents run no more. */
  #endTakeover(kept: KeptObjects): void {
    this.#tookOver = true;
    for (const { events } of this.#inherited) this.#retirePlan(events.planId);
    this.#inherited = [];
    kept.removeStrangers();
  }

  #retirePlan(planId: number): void {
    this.#pipeline.retirePlan(planId, bootTimeNs());
    this.#base?.plans.retire(planId);
  }

  /** Says once of each hook that it cannot outlive the agent. */
  #reportTransient(): void {
    const hooks = [...this.#table.transient].filter((place) => !this.#reportedTransient.has(place));
    for (const place of hooks) this.#reportedTransient.add(place);
    if (hooks.length > 0)
      this.#options.log.warn(
        { hooks },
        'these hooks end with the agent: pinning kprobes and tracepoints needs Linux 5.15',
      );
  }

  counters(): AgentCounters {
    const kernel = Object.fromEntries(
      Object.entries(counterIndexes).map(([name, index]) => [name, this.#maps.counter(index)]),
    );
    return { kernel: kernel as KernelCounters, pipeline: this.#pipeline.counters() };
  }

  /** Detaches everything that is not kept, delivers what is in the ring, closes the sinks. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#runDirectory?.close();
    clearInterval(this.#timer);
    this.#losses.report();
    this.#drain();
    this.#saveIdentities();
    this.#table.close();
    this.#loader.switchOff();
    this.#sensors.close();
    this.#drain();
    this.#rings.close();
    this.#pipeline.close();
    this.#losses.reportDrops();
    this.#maps.close();
    this.#base?.close();
    this.#options.kept?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #drain(): void {
    this.#rings.consume((buffer, offset, length) => this.#records.handle(buffer, offset, length));
  }

  /** A slow output may have events wait in the ring, where they need less room, but never so long that some are lost. */
  #isRingFilling(): boolean {
    return this.#rings.pendingBytes.some((bytes, index) => {
      const ring = index === 0 ? this.#maps.events : this.#maps.reserve;
      return bytes > ring.maxEntries / 2;
    });
  }

  #change<Result extends ApplyResult | PolicyRefusal>(change: () => Result): Result {
    const start = performance.now();
    const result = inSpan('policies.change', change);
    if ('loaded' in result) this.#afterSwitch();
    const lastMs = performance.now() - start;
    const { switches, totalMs } = this.#generations;
    this.#generations = { switches: switches + 1, totalMs: totalMs + lastMs, lastMs };
    const sensors = [...this.#sensors.describe(), ...this.#loader.describe()];
    this.#runDirectory?.writeHooks({ hooks: this.#table.describe(), sensors });
    releaseMemorySoon();
    return result;
  }

  #keepHouse(): void {
    /* An event that waits for what never comes is reported although the node is idle. */
    if (this.#rings.isEmpty) this.#pipeline.passTime(bootTimeNs());
    this.#pipeline.flush();
    this.#pipeline.clock.setOffset(bootTimeOffsetNs());
    this.#base?.plans.removeRetired();
    this.#losses.report();
    if (performance.now() - this.#identitiesSavedAtMs >= identitiesIntervalMs) this.#saveIdentities();
  }

  /** With the sensors attached: they know whether a process has executed something since. */
  #saveIdentities(): void {
    this.#identitiesSavedAtMs = performance.now();
    this.#identities?.save(this.#pipeline.cache.all(), ({ tgid, ktimeLow, ktimeHigh }) => {
      const ktimeNs = (BigInt(ktimeHigh) << 32n) | BigInt(ktimeLow);
      return identityIn(this.#maps, tgid)?.ktimeNs === ktimeNs;
    });
  }

  #missedRuns(): [place: string, count: number][] {
    return [...this.#sensors.missedRuns(), ...this.#loader.missedRuns(), ...this.#table.missedRuns()];
  }
}
