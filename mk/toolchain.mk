# SPDX-License-Identifier: MIT
# Compilers and flags. Debian's plain clang is older; the numbered names are what build.sh installs.
CC      := clang-19
CXX     := clang++-19
LD      := ld.lld-19
AR      := llvm-ar-19
OBJCOPY := llvm-objcopy-19
PYTHON  := /usr/bin/python3

CLANG_INCLUDE := $(shell $(CC) -print-resource-dir 2>/dev/null)/include

WARNINGS := -Wall -Wextra -Werror
COMMON_FLAGS := -std=c23 -g -fno-common -ffile-prefix-map=$(CURDIR)/=

# What runs in user mode. -fpie with hidden visibility leaves only PC-relative references and 64-bit
# pointers in data, so that every section can be placed by itself (docs/decisions/0003-code-model.md).
ifeq ($(CODE_MODEL),large)
MODEL_FLAGS := -fno-pic -mcmodel=large
else
MODEL_FLAGS := -fpie -fdirect-access-external-data
endif
USER_FLAGS := --target=x86_64-unknown-none-elf $(COMMON_FLAGS) -O2 -ffreestanding $(MODEL_FLAGS) \
    -fvisibility=hidden -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables \
    -fno-omit-frame-pointer -mno-red-zone -fno-stack-protector \
    -nostdinc -isystem $(O)/musl/include -isystem $(CLANG_INCLUDE) -I. -I$(O)/gen

HOST_FLAGS := $(COMMON_FLAGS) -O1 -I. -I$(O)/gen
HOST_TEST_FLAGS := $(HOST_FLAGS) -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
