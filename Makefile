# SPDX-License-Identifier: MIT
# Builds everything under $(O). Each folder says what it makes in its own build.mk; the rules are in mk/.
#   make all | check | modules/NAME.mod | images/NAME.cpio      O=DIR  CODE_MODEL=small|large  TX=0|1  V=1
O ?= build
CODE_MODEL ?= small
TX ?= 1

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

include mk/toolchain.mk
include mk/rules.mk

FRAGMENTS := $(sort $(wildcard $(foreach d,kernel interfaces lib rs servers apps randomizer images bench test tools, \
    $(d)/build.mk $(d)/*/build.mk $(d)/*/*/build.mk)))
include $(FRAGMENTS)

# Order-only prerequisites of every compilation; fragments may add to the lists in any order.
user-prerequisites: $(USER_PREREQUISITES)
host-prerequisites: $(HOST_PREREQUISITES)
.PHONY: user-prerequisites host-prerequisites

all: $(sort $(ALL_TARGETS))

# `make check` runs every host test; each prints its own result, the first failure ends it.
check: $(HOST_TESTS:%=$(O)/test/%.passed)

modules/%.mod: $(O)/modules/%.mod ;
images/%.cpio: $(O)/images/%.cpio ;
kernel.elf bootstrap.bin: %: $(O)/% ;
.PHONY: all check clean
clean:
	rm -rf $(O)

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)
