/** Policies as people write them, for tests: each must be accepted, and each is a start for random mutations. */
export const examplePolicies: readonly string[] = [
  `# Writes to files that hold accounts
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "account-files"
  annotations:
    description: "Who writes where accounts are kept"
spec:
  kprobes:
  - call: "security_file_permission"
    syscall: false
    return: true
    message: "accounts were touched"
    tags: [ "files", "accounts" ]
    args:
    - index: 0
      type: "file" # (struct file *) the path
    - index: 1
      type: "int" # 0x04 is MAY_READ, 0x02 is MAY_WRITE
    returnArg:
      index: 0
      type: "int"
    selectors:
    - matchArgs:
      - index: 0
        operator: "Equal"
        values:
        - "/etc/passwd"
        - "/etc/shadow"
      - index: 1
        operator: "Mask"
        values:
        - "2" # MAY_WRITE
      matchActions:
      - action: Post
    - matchArgs:
      - index: 0
        operator: "Prefix"
        values:
        - "/etc/sudoers.d/"
      - index: 1
        operator: "Equal"
        values:
        - "2"
`,
  `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "outbound-connections"
spec:
  kprobes:
  - call: "tcp_connect"
    syscall: false
    args:
    - index: 0
      type: "sock"
    selectors:
    - matchArgs:
      - index: 0
        operator: "NotDAddr"
        values:
        - 127.0.0.0/8
        - 10.0.0.0/8
        - 172.16.0.0/12
        - 192.168.0.0/16
        - "::1"
        - "fd00::/8"
      - index: 0
        operator: "DPort"
        values: [443, "8000:8999"]
      - index: 0
        operator: "Family"
        values: [AF_INET, AF_INET6]
      - index: 0
        operator: "Protocol"
        values:
        - "IPPROTO_TCP"
  - call: "tcp_close"
    syscall: false
    args:
    - index: 0
      type: "sock"
    selectors:
    - matchArgs:
      - index: 0
        operator: NotSportPriv
      - index: 0
        operator: State
        values: ["TCP_ESTABLISHED"]
`,
  `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "root-by-setuid"
spec:
  options:
  - name: "disable-kprobe-multi"
    value: "1"
  kprobes:
  - call: "sys_setuid"
    syscall: true
    args:
    - index: 0
      type: "int"
    selectors:
    - matchPIDs:
      - operator: NotIn
        isNamespacePID: true
        followForks: false
        values:
        - 0
        - 1
      matchArgs:
      - index: 0
        operator: "Equal"
        values:
        - "0"
      matchBinaries:
      - operator: "NotIn"
        values:
        - "/usr/bin/sudo"
        - "/usr/bin/su"
      matchActions:
      - action: Sigkill
`,
  `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "syscalls-of-containers"
spec:
  podSelector: ~
  tracepoints:
  - subsystem: "raw_syscalls"
    event: "sys_enter"
    args:
    - index: 4
      type: "syscall64"
    selectors:
    - matchArgs:
      - index: 4
        operator: "InMap"
        values: ["59", "56:58", 322]
      matchNamespaces:
      - namespace: Pid
        operator: NotIn
        values:
        - "host_ns"
  - subsystem: "sched"
    event: "sched_process_exec"
    raw: true
    args:
    - index: 0
    - index: 2
      type: "linux_binprm"
`,
  `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "no-secrets"
spec:
  lsmhooks:
  - hook: "file_open"
    args:
    - index: 0
      type: "file"
    selectors:
    - label: keys
      matchBinaries:
      - operator: "Postfix"
        values: ["/cat", "/less"]
      matchArgs:
      - index: 0
        operator: "Postfix"
        values: [".pem", "id_rsa"]
      - index: 0
        operator: FileType
        values: [reg]
      matchActions:
      - action: Override
        argError: -1
---
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "no-mounts"
spec:
  options: [{name: policy-mode, value: monitor}]
  kprobes:
  - call: "sys_mount"
    return: true
    args: [{index: 0, type: string}, {index: 1, type: string}, {index: 3, type: uint64}]
    returnArg: {index: 0, type: int}
    selectors:
    - matchCapabilities:
      - {type: Effective, operator: In, isNamespaceCapability: true, values: ["CAP_SYS_ADMIN"]}
      matchReturnArgs:
      - {index: 0, operator: InRange, values: ["-4095:-1"]}
      matchActions:
      - {action: Signal, argSig: 15}
      - {action: Override, argError: -1}
`,
  `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: "credentials"
spec:
  fentries:
  - call: "commit_creds"
    syscall: false
    args:
    - index: 0
      type: "cred"
  - call: "security_task_fix_setuid"
    syscall: false
    ignore:
      callNotFound: true
    args:
    - index: 2
      type: "int"
      label: flags
    selectors:
    - matchArgs:
      - args: [0]
        operator: "GT"
        values: ["0x1"]
      - args: [0]
        operator: "NotInRange"
        values: ["100:200"]
`,
];
