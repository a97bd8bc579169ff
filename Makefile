# Every verb of the project; `make help` lists them. Sources are found by folder: adding a file
# needs no edit here.
#
# Settings, on the command line:  CC=clang  MARCH=native  WERROR=0  SAN=address,undefined
#                                 PREFIX=/usr  DESTDIR=/tmp/pkg  BUILD=build
SHELL := /bin/bash
.DEFAULT_GOAL := all

BUILD ?= build
PREFIX ?= /usr/local
MARCH ?= x86-64-v3
OPT ?= -O2
WERROR ?= 1
SAN ?=

PKGS := libdpdk
DPDK_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
DPDK_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum \
	-Wconversion -Wsign-conversion
ifeq ($(WERROR),1)
WARN += -Werror
endif
ifneq ($(SAN),)
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BASE_CFLAGS := -std=gnu17 -g $(OPT) $(WARN) $(SANFLAGS) -I. -D_GNU_SOURCE -DALLOW_EXPERIMENTAL_API \
	-ffunction-sections -MMD -MP
# Common code is built without a path to DPDK: what is impure there does not compile.
COMMON_CFLAGS := $(BASE_CFLAGS) -march=$(MARCH)
# The -march of DPDK's own flags would win if it came last.
DPDK_ALL_CFLAGS := $(BASE_CFLAGS) $(DPDK_CFLAGS) -march=$(MARCH)
LDFLAGS_ALL := $(SANFLAGS) -Wl,--gc-sections $(LDFLAGS)
CP_LIBS := -lnng -ljansson -lyaml -lcrypto -lpthread
DP_LIBS := $(DPDK_LIBS) -lnng -lyaml -lcrypto -lpthread

find_c = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
COMMON_SRC := $(call find_c,common)
DP_SRC := $(filter-out dataplane/main.c,$(call find_c,dataplane))
CP_SRC := $(filter-out controlplane/main.c,$(call find_c,controlplane))
TEST_SUPPORT_SRC := $(call find_c,tests/support)
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

COMMON_LIB := $(BUILD)/libcommon.a
DP_LIB := $(BUILD)/libdataplane.a
CP_LIB := $(BUILD)/libcontrolplane.a
SUPPORT_LIB := $(BUILD)/libtestsupport.a
PROGRAMS := $(BUILD)/dynomite-dataplane $(BUILD)/dynomite-controlplane

UNIT_COMMON := $(patsubst %.c,$(BUILD)/%,$(call find_c,tests/unit/common))
UNIT_DP := $(patsubst %.c,$(BUILD)/%,$(call find_c,tests/unit/dataplane) $(call find_c,tests/script))
UNIT_CP := $(patsubst %.c,$(BUILD)/%,$(call find_c,tests/unit/controlplane))
UNIT := $(UNIT_COMMON) $(UNIT_DP) $(UNIT_CP)

.PHONY: all
all: $(PROGRAMS) ## build both programs into build/

$(BUILD)/dynomite-dataplane: $(call obj,dataplane/main.c) $(DP_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(DP_LIBS)

$(BUILD)/dynomite-controlplane: $(call obj,controlplane/main.c) $(CP_LIB) $(COMMON_LIB)
	@echo "  LINK    $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(CP_LIBS)

$(COMMON_LIB): $(call obj,$(COMMON_SRC))
$(DP_LIB): $(call obj,$(DP_SRC))
$(CP_LIB): $(call obj,$(CP_SRC))
$(SUPPORT_LIB): $(call obj,$(TEST_SUPPORT_SRC))
$(COMMON_LIB) $(DP_LIB) $(CP_LIB) $(SUPPORT_LIB):
	@echo "  AR      $@"
	@rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/common/%.o: common/%.c | packages
	@echo "  CC      $<"
	@mkdir -p $(@D) && $(CC) $(COMMON_CFLAGS) -c -o $@ $<

$(BUILD)/obj/controlplane/%.o: controlplane/%.c | packages
	@echo "  CC      $<"
	@mkdir -p $(@D) && $(CC) $(COMMON_CFLAGS) -DDYN_VERSION='"$(VERSION)"' -c -o $@ $<

$(BUILD)/obj/%.o: %.c | packages
	@echo "  CC      $<"
	@mkdir -p $(@D) && $(CC) $(DPDK_ALL_CFLAGS) -DDYN_VERSION='"$(VERSION)"' -c -o $@ $<

# Only these say the version; they are compiled again when it changes.
VERSION_STAMP := $(BUILD)/version-$(VERSION)
VERSIONED := $(call obj,dataplane/main.c controlplane/main.c dataplane/session/local_info.c)
$(VERSIONED): $(VERSION_STAMP)
$(VERSION_STAMP):
	@mkdir -p $(@D) && rm -f $(BUILD)/version-* && touch $@

# A missing package is said once, in words, instead of by a hundred missing headers.
.PHONY: packages
packages:
	@pkg-config --exists libdpdk yaml-0.1 jansson libcrypto cmocka 2>/dev/null || { \
		echo "Packages are missing. Install them with: scripts/deps" >&2; exit 1; }

TEST_CFLAGS := -Wno-missing-prototypes -Wno-conversion -Wno-sign-conversion
# tests/support/alloc_fail.h lets allocations fail.
TEST_WRAP := -Wl,--wrap=pool_get

$(UNIT_COMMON): $(BUILD)/%: %.c $(COMMON_LIB) | packages
	@echo "  TESTCC  $<"
	@mkdir -p $(@D) && $(CC) $(COMMON_CFLAGS) $(TEST_CFLAGS) $(LDFLAGS_ALL) -o $@ $< $(COMMON_LIB) \
		-lcmocka -lnng -lyaml -ljansson -lcrypto -lpthread

$(UNIT_CP): $(BUILD)/%: %.c $(CP_LIB) $(COMMON_LIB) | packages
	@echo "  TESTCC  $<"
	@mkdir -p $(@D) && $(CC) $(COMMON_CFLAGS) $(TEST_CFLAGS) $(LDFLAGS_ALL) -o $@ $< $(CP_LIB) \
		$(COMMON_LIB) -lcmocka $(CP_LIBS)

# This one runs the program.
$(BUILD)/tests/unit/controlplane/program_test: | $(BUILD)/dynomite-controlplane

$(UNIT_DP): $(BUILD)/%: %.c $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB) | packages
	@echo "  TESTCC  $<"
	@mkdir -p $(@D) && $(CC) $(DPDK_ALL_CFLAGS) $(TEST_CFLAGS) $(LDFLAGS_ALL) -o $@ $< \
		-Wl,--start-group $(SUPPORT_LIB) $(DP_LIB) $(COMMON_LIB) -Wl,--end-group $(TEST_WRAP) \
		-lcmocka -lm $(DP_LIBS)

.PHONY: unit
unit: $(UNIT) ## build and run the unit and script tests only
	@tests/run unit $(UNIT)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
-include tests/tests.mk

.PHONY: debug
debug: ## build with AddressSanitizer and UBSan into build/debug/
	$(MAKE) BUILD=$(BUILD)/debug OPT=-O1 SAN=address,undefined all

.PHONY: deps
deps:
	@scripts/deps

.PHONY: demo
demo: ## see it work: install what is missing, build, start the lab, tell a short story
	@scripts/deps
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@scripts/demo

.PHONY: demo-down
demo-down: ## stop what `make demo` left running
	@scripts/demo --down

.PHONY: lint
lint: ## format, static analysis, shell scripts, include layers, headers compile alone
	@scripts/lint

.PHONY: format
format: ## rewrite the sources in the project's format
	@git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs clang-format -i

.PHONY: install
install: all ## copy programs and example configuration below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/dynomite/conf
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 conf/*.yml $(DESTDIR)$(PREFIX)/share/dynomite/conf/

.PHONY: clean
clean: ## remove build/
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@echo "Usage: make [verb] [CC=clang] [MARCH=native] [WERROR=0] [SAN=address,undefined]"; echo
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | \
		awk 'BEGIN {FS = ":.*## "} {printf "  %-12s %s\n", $$1, $$2}'
