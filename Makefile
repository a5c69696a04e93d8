# make setup   installs what is missing: Debian packages, npm packages
# make build   compiles the BPF objects, the bundle of the sources and the trigger programs of the tests into build/
# make run     starts the agent with the default policies; HOST=1 insists on this machine's kernel
# make test    checks and all tests, those in virtual machines included
# make flood  makes RATE=200000 events a second for SECONDS=30: a file and a live client must get them all
# make soak   runs the agent under mixed load for MINUTES=30 on this machine and judges losses and memory
# make vm      KERNEL=5.10|6.1|6.12|7 CMD='...' runs a command on another kernel; without CMD a shell.
#              More settings: OUT=DIR CPUS=N MEM=MB INIT=systemd APPEND=WORDS ICOUNT=1 TIMEOUT=SECONDS TERMINAL=1 CONSOLE=1
# make deb    packs build/jatai_VERSION_ARCHITECTURE.deb
# make check   types, formatting and lint
# make bench   KERNEL=6.12 measures cost, memory and times in virtual machines and compares with bench/results;
#              ONLY=REGULAR_EXPRESSION some rows, ACCEPT=1 replaces the committed result and the numbers in docs/

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# Evaluated when a recipe runs: make setup may only just have installed the compiler.
CLANG = $(shell scripts/find-clang.sh)
multiarch = $(shell gcc -print-multiarch)
bpf_architecture := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))

# For every kernel; for those with bpf_loop (5.17), which verify path walks much faster; and for those where fields can
# be loaded through typed pointers (6.2).
bpf_objects := build/runtime.o build/process.o build/loop/runtime.o build/loop/process.o build/typed/process.o build/loader.o
bpf_flags = -target bpf -g -O2 -mcpu=v3 -Wall -Werror -D__TARGET_ARCH_$(bpf_architecture) \
	-Ibpf/include -Ibuild/include -idirafter /usr/include/$(multiarch)

programs := $(patsubst test/programs/%.c,build/programs/%,$(wildcard test/programs/*.c))

.PHONY: deb flood setup build bundle run test soak vm vm-run check format bench setup-bench clean
.DEFAULT_GOAL := build

setup:
	@scripts/setup.sh

build: $(bpf_objects) $(programs) bundle

bundle: | setup
	@. scripts/bundle-is-current.sh; if ! bundle_is_current .; then echo 'build: build/js'; node scripts/bundle.ts build/js; fi

build/runtime.o build/loop/runtime.o: bpf/kprobes/runtime.c
build/process.o build/loop/process.o build/typed/process.o: bpf/process/process.c
build/loader.o: bpf/process/loader.c
build/loop/%.o: bpf_flags += -DHAVE_BPF_LOOP
build/typed/%.o: bpf_flags += -DHAVE_BPF_LOOP -DTYPED_POINTERS

$(bpf_objects): build/include/wire.h | setup
	@echo "build: $@"
	@mkdir -p $(@D)
	@$(CLANG) $(bpf_flags) -MMD -MP -c $(filter %.c,$^) -o $@

build/include/wire.h: scripts/generate-wire.ts src/events/wire.ts | setup
	@echo "build: $@"
	@mkdir -p $(@D)
	@node scripts/generate-wire.ts $@ && touch $@

build/programs/%: test/programs/%.c | setup
	@echo "build: $@"
	@mkdir -p $(@D)
	@gcc -static -O1 -g -Wall -Wextra -Werror -pthread -MMD -MP -MF $@.d $< -o $@

bench_programs := $(patsubst bench/programs/%.c,build/bench/%,$(wildcard bench/programs/*.c))

build/bench/%: bench/programs/%.c | setup
	@echo "build: $@"
	@mkdir -p $(@D)
	@gcc -static -O1 -g -Wall -Wextra -Werror -MMD -MP -MF $@.d $< -o $@

setup-bench: | setup
	@scripts/setup-bench.sh

bench: build $(bench_programs) | setup-bench
	@node bench/bench.ts

run: build
	@HOST='$(HOST)' scripts/run.sh

test: build
	@node scripts/test.ts

soak: build
	@node test/soak/soak.ts --minutes $(or $(MINUTES),30)

flood: build
	@node test/soak/flood.ts --rate $(or $(RATE),200000) --seconds $(or $(SECONDS),30)

deb: build
	@scripts/deb.sh

check: | setup
	@tsc --noEmit
	@scripts/biome.sh check --error-on-warnings

format: | setup
	@scripts/biome.sh check --write

# The command goes through the environment untouched: no quoting, and no $ eaten by make. Other settings of the
# command line are in the environment anyway.
export VM_COMMAND := $(value CMD)

ifneq ($(filter vm,$(MAKECMDGOALS)),)
-load build/make-exit-status.so(make_exit_status_gmk_setup)
endif

build/make-exit-status.so: scripts/make-exit-status.c | setup
	@gcc -shared -fPIC -O1 -Wall -Wextra -Werror $< -o $@

vm-run: | setup
	@status=0; CMD="$$VM_COMMAND" node test/vm/vm.ts || status=$$?; echo $$status > build/vm-status.$$PPID

vm: vm-run
	$(exit-with-status $(shell cat build/vm-status.$$PPID; rm -f build/vm-status.$$PPID))

clean:
	rm -rf build/js build/compile-cache build/include build/programs build/bench build/test-reports build/loop build/typed build/*.o build/*.d

-include $(wildcard build/*.d build/loop/*.d build/typed/*.d build/programs/*.d build/bench/*.d)
