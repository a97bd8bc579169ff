# The levels of test, and what they are built with. Included by the Makefile.

TIME ?= 60
FUZZ ?=
ONLY ?=
FUZZ_ALL := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_NAMES := $(if $(FUZZ),$(FUZZ),$(FUZZ_ALL))
FUZZ_BUILD := $(BUILD)/fuzz
# As many jobs as there are CPUs, unless `make -j` has said how many.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
FUZZ_MAKE = $(MAKE) --no-print-directory $(JOBS) BUILD=$(FUZZ_BUILD) CC=clang OPT=-O1 \
	SAN=address,undefined,fuzzer-no-link MARCH=$(MARCH) WERROR=$(WERROR)
SAN_MAKE = $(MAKE) --no-print-directory $(JOBS) BUILD=$(BUILD)/san OPT=-O1 SAN=address,undefined \
	MARCH=$(MARCH) WERROR=$(WERROR)

# Levels note their counts here; the last line of `make test` is their sum.
TOTALS = $(abspath $(BUILD))/test-totals
LEVELS := unit unit-san sim sim-san cluster-sim cluster-sim-san fuzz-replay interop e2e

.PHONY: test
test: ## install what is missing, build, run all levels: unit, simulation, sanitized, fuzz corpus, interop, e2e
	@scripts/deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@rm -f $(TOTALS)
	@for level in $(LEVELS); do \
		TEST_TOTALS=$(TOTALS) TEST_LEVEL=$$level $(MAKE) --no-print-directory $(JOBS) $$level || true; done
	@tests/run total $(TOTALS) $(LEVELS)

.PHONY: unit-san
unit-san: ## the unit tests again, under AddressSanitizer and UBSan
	+@TEST_LEVEL=unit-san $(SAN_MAKE) unit

# --- simulation: two stacks over a bad network in virtual time
SEEDS ?=
SIM := $(BUILD)/tests/sim/tcp_sim

SIM_SRC := $(wildcard tests/sim/*.c)

$(SIM): $(call obj,$(SIM_SRC)) $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	@mkdir -p $(@D) && $(CC) $(LDFLAGS_ALL) -o $@ $(call obj,$(SIM_SRC)) \
		-Wl,--start-group $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB) -Wl,--end-group \
		$(DP_LIBS) -lm

.PHONY: sim
sim: $(SIM) ## two TCP stacks over a bad network, one scenario for each seed; SEEDS=FROM-TO
	@tests/run sim $(SIM) $(if $(SEEDS),--seeds=$(SEEDS))

.PHONY: sim-san
sim-san: ## fewer seeds of the same, under AddressSanitizer and UBSan; SEEDS=FROM-TO
	+@TEST_LEVEL=sim-san $(SAN_MAKE) SEEDS=$(SEEDS) sim

# --- simulation of clusters: real nodes, modelled stores and clients, faults
CLUSTER_SIM := $(BUILD)/tests/sim/cluster_sim
CLUSTER_SIM_SRC := $(call find_c,tests/sim/cluster)

$(CLUSTER_SIM): $(call obj,$(CLUSTER_SIM_SRC)) $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	@mkdir -p $(@D) && $(CC) $(LDFLAGS_ALL) -o $@ $(call obj,$(CLUSTER_SIM_SRC)) \
		-Wl,--start-group $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB) -Wl,--end-group \
		$(DP_LIBS) -lm

.PHONY: cluster-sim
cluster-sim: $(CLUSTER_SIM) ## whole clusters in virtual time, faults and all, one for each seed; SEEDS=FROM-TO
	@TEST_LEVEL=$${TEST_LEVEL:-cluster-sim} tests/run sim $(CLUSTER_SIM) $(if $(SEEDS),--seeds=$(SEEDS))

.PHONY: cluster-sim-san
cluster-sim-san: ## fewer seeds of the same, under AddressSanitizer and UBSan; SEEDS=FROM-TO
	+@TEST_LEVEL=cluster-sim-san $(SAN_MAKE) SEEDS=$(SEEDS) cluster-sim

# --- fuzzing: everything is instrumented, so it has a tree of objects of its own
FUZZ_PROGRAMS := $(patsubst %,$(BUILD)/fuzz_%,$(FUZZ_NAMES))

$(FUZZ_PROGRAMS): $(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB)
	@echo "  FUZZCC  $<"
	@mkdir -p $(@D) && $(CC) $(DPDK_ALL_CFLAGS) $(TEST_CFLAGS) $(LDFLAGS_ALL) -fsanitize=fuzzer \
		-o $@ $< -Wl,--start-group $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB) -Wl,--end-group $(TEST_WRAP) \
		$(DP_LIBS)

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)

.PHONY: fuzz
fuzz: ## look for new crashes; FUZZ=resp_request for one target, TIME=60 seconds for each
	+@$(FUZZ_MAKE) fuzz-programs
	@tests/run fuzz --time $(TIME) --build $(FUZZ_BUILD) $(FUZZ_NAMES)

.PHONY: fuzz-replay
fuzz-replay: ## run every fuzz target over its corpus once
	+@$(FUZZ_MAKE) fuzz-programs
	@tests/run fuzz-replay --build $(FUZZ_BUILD) $(FUZZ_NAMES)

# --- the programs, in the lab
.PHONY: e2e
e2e: all ## end-to-end tests in the lab, as root; ONLY=name for those whose name contains it
	@DYN_BUILD=$(BUILD) tests/e2e/run $(ONLY)

.PHONY: bench
bench: all ## figures, one JSON line each, and docs/performance.md; ONLY=tcp-cost, ONLY=ring, ONLY=abuse, ONLY=get
	@DYN_BUILD=$(BUILD) tests/bench/run $(ONLY)

# For scripts/lint: the flags, without the warnings that only matter when code is generated.
.PHONY: print-common-flags print-dpdk-flags
print-common-flags:
	@echo '$(filter-out -MMD -MP,$(COMMON_CFLAGS))'
print-dpdk-flags:
	@echo '$(filter-out -MMD -MP,$(DPDK_ALL_CFLAGS))'

# --- clients on our own TCP, for ports that the kernel has no end of
VDEV_CLIENT := $(BUILD)/vdev_client

$(VDEV_CLIENT): $(call obj,tests/e2e/vdev_client/main.c tests/support/load.c) $(DP_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(DP_LIBS)

e2e: $(VDEV_CLIENT)

# --- the cost of the stack alone
TCP_COST := $(BUILD)/tcp_cost

$(TCP_COST): $(call obj,$(call find_c,tests/bench/tcp_cost)) $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(DP_LIBS)

bench: $(TCP_COST)

# --- the cost of finding a key's owner
RING_COST := $(BUILD)/ring_cost

$(RING_COST): $(call obj,$(call find_c,tests/bench/ring_cost)) $(COMMON_LIB)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcrypto

bench: $(RING_COST)

# --- an attacker with a raw socket
ATTACK := $(BUILD)/attack

$(ATTACK): $(call obj,$(call find_c,tests/e2e/attack)) $(COMMON_LIB)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^

e2e: $(ATTACK)
bench: $(ATTACK)

# --- our stack against the kernel's
INTEROP := $(BUILD)/interop
STACK_HOST := $(INTEROP)/stack_host
LINK_EMU := $(INTEROP)/link_emu
INTEROP_SHARED := $(call obj,$(wildcard tests/interop/*.c))

$(STACK_HOST): $(call obj,$(wildcard tests/interop/stack_host/*.c)) $(INTEROP_SHARED) \
		$(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	@mkdir -p $(@D) && $(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(SUPPORT_LIB) \
		$(DP_LIB) $(COMMON_LIB) -Wl,--end-group $(DP_LIBS)

$(LINK_EMU): $(call obj,$(wildcard tests/interop/link_emu/*.c) tests/support/link_model.c \
		tests/support/tcp_frame.c) $(INTEROP_SHARED) $(COMMON_LIB)
	@echo "  LINK    $@"
	@mkdir -p $(@D) && $(CC) $(LDFLAGS_ALL) -o $@ $^

.PHONY: interop
interop: $(STACK_HOST) $(LINK_EMU) ## our TCP against the kernel's, as root; ONLY=name
	@DYN_BUILD=$(BUILD) tests/interop/run $(ONLY)

.PHONY: bench-goodput
bench-goodput: $(STACK_HOST) $(LINK_EMU) ## goodput over RTT and loss beside the kernel's CUBIC, as root; 30 minutes
	@DYN_BUILD=$(BUILD) tests/bench/goodput_grid
