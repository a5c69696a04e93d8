import type { Pattern } from '../harness/match.ts';
import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

function connected(policy: string, sock: Readonly<Record<string, Pattern>>): Pattern {
  return {
    process_kprobe: {
      process: { binary: triggerProgram('connect-loopback') },
      function_name: 'tcp_connect',
      policy_name: policy,
      args: [{ sock_arg: { type: 'SOCK_STREAM', protocol: 'IPPROTO_TCP', ...sock } }],
    },
  };
}

export const socketScenarios: readonly Scenario[] = [
  {
    name: 'a tcp_connect policy reports addresses and ports, IPv4 and IPv6',
    needs: ['fentry'],
    policies: () => ({
      'ports.yaml': tracingPolicy(
        'ports',
        `
        kprobes:
        - call: tcp_connect
          syscall: false
          args:
          - {index: 0, type: sock}
          selectors:
          - matchArgs:
            - {index: 0, operator: DAddr, values: ["127.0.0.0/8", "::1"]}
            - {index: 0, operator: DPort, values: ["5554:5556"]}`,
      ),
      'families.yaml': tracingPolicy(
        'families',
        `
        kprobes:
        - call: tcp_connect
          syscall: false
          args:
          - {index: 0, type: sock}
          selectors:
          - matchArgs:
            - {index: 0, operator: Family, values: [AF_INET6]}
            - {index: 0, operator: NotDPort, values: ["6000"]}`,
      ),
    }),
    async trigger(context) {
      for (const [family, port] of [
        ['4', '5555'],
        ['6', '5556'],
        ['4', '5557'],
        ['6', '6000'],
      ] as const) {
        const { stdout } = await context.must(['./connect-loopback', family, port]);
        context.notes.set(`${family} ${port}`, Number(stdout));
      }
    },
    expected: (context) => {
      const four = { family: 'AF_INET', saddr: '127.0.0.1', daddr: '127.0.0.1' };
      const six = { family: 'AF_INET6', saddr: '::1', daddr: '::1' };
      return [
        once(connected('ports', { ...four, sport: context.note('4 5555'), dport: 5555 })),
        once(connected('ports', { ...six, sport: context.note('6 5556'), dport: 5556 })),
        once(connected('families', { ...six, sport: context.note('6 5556'), dport: 5556 })),
      ];
    },
  },
];
