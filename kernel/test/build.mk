# SPDX-License-Identifier: MIT
# The portable core on the host, with a processor made of software (kernel/test/host).
KERNEL_TEST_SOURCES := $(sort $(wildcard kernel/*.c kernel/ipc/*.c kernel/task/*.c kernel/mem/*.c kernel/irq/*.c \
    kernel/time/*.c kernel/system/*.c kernel/test/*.c kernel/test/host/*.c)) kernel/arch/x86_64/kept_place.c
$(eval $(call host_test,kernel,$(KERNEL_TEST_SOURCES),-Ikernel/test/host))
