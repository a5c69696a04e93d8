#!/usr/bin/env bash
# Starts the agent with the default policies: on this machine's kernel when it can run all of them, else on a Debian
# kernel in a virtual machine, where a short tour shows what each policy reports. Called by make run.
#   HOST=1       stays on this machine's kernel, with the policies that it can run
#   KERNEL=6.12  the series of the kernel in the virtual machine
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH

say() { echo "run: $*" >&2; }

run_on_host() {
	local as_root=()
	[ "$(id -u)" = 0 ] || as_root=(sudo)
	say "starting the agent on $(uname -r); interrupt it with Ctrl-C"
	say 'bin/jatai run --policy tracing-policies -o compact'
	exec "${as_root[@]}" bin/jatai run --policy tracing-policies -o compact
}

run_in_vm() {
	local kernel=${KERNEL:-6.12} terminal=()
	say "booting a Debian kernel $kernel in a virtual machine; all it changes there is lost (make run HOST=1 stays here)"
	if [ -t 0 ] && [ -t 1 ]; then terminal=(--terminal); fi
	exec node test/vm/vm.ts --kernel "$kernel" "${terminal[@]}" -- node scripts/tour.ts
}

if [ "${HOST:-}" = 1 ]; then run_on_host; fi
say 'looking for what the default policies need from this kernel'
if missing=$(node scripts/host-lacks.ts tracing-policies); then run_on_host; fi
# Without an answer the check itself has failed, and has said why.
[ -n "$missing" ] || exit 1
echo "$missing" >&2
run_in_vm
