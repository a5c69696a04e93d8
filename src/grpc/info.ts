import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { Probe } from './messages.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import type { ServedAgent } from './served-agent.ts';

type InfoSource = Pick<ServedAgent, 'version' | 'facts' | 'configuration'>;

/** `GetInfo`: version, what this engine can do on this kernel under the names Tetragon's client knows, options. */
export function agentInfo({ version, facts, configuration }: InfoSource): object {
  return {
    version,
    name: 'jatai',
    probes: probes(facts),
    conf: Object.entries(configuration).map(([key, value]) => ({ key, value: anyOf(value) })),
    build: { go_version: '', commit: '', time: '', modified: 'false' },
  };
}

/** The answer is for this engine: what it does in another way than Tetragon counts as there. */
function probes({ features, functions }: KernelFacts): Probe[] {
  const hasFunction = (name: string): boolean => functions[name] !== undefined;
  const answers: Readonly<Record<string, boolean>> = {
    /* Of system calls; none is overridden here, whatever the kernel has. */
    override_return: false,
    buildid: features.kprobe.available && features.buildId.available,
    kprobe_multi: features.kprobeMulti.available,
    uprobe_multi: false,
    /* Of security_ functions, which are overridden by lsm where that is possible. */
    fmodret: features.lsm.available || features.fmodRet.available,
    fmodret_syscall: false,
    signal: features.sendSignal.available,
    large: true,
    link_pin: true,
    lsm: features.lsm.available,
    missed_stats_kprobe_multi: false,
    missed_stats_kprobe: features.kprobe.available,
    batch_update: true,
    uprobe_refctroff: false,
    audit_loginuid: hasFunction('audit_set_loginuid'),
    probe_write_user: false,
    uprobe_regs_change: false,
    mix_bpf_and_tail_calls: true,
    fentry: features.fentry.available,
    get_func_ret: features.fentry.available,
    substring_kfunc: false,
    copy_from_user_str: false,
  };
  return Object.entries(answers).map(([Name, value]) => ({ Name, Enabled: { value } }));
}

/** A wrapper in a `google.protobuf.Any`. */
function anyOf(value: string | boolean): { type_url: string; value: Buffer } {
  const writer = new ProtobufWriter(64);
  if (typeof value === 'boolean') writer.uint(1, value ? 1 : 0);
  else writer.string(1, value);
  const type = typeof value === 'boolean' ? 'BoolValue' : 'StringValue';
  return { type_url: `type.googleapis.com/google.protobuf.${type}`, value: writer.take() };
}
