# SPDX-License-Identifier: MIT
# The kernel: a static position-independent image that relocates itself.
KERNEL_SOURCES := $(sort $(wildcard kernel/*.c kernel/ipc/*.c kernel/task/*.c kernel/mem/*.c kernel/irq/*.c \
    kernel/time/*.c kernel/system/*.c kernel/arch/x86_64/*.c kernel/arch/x86_64/*.S))
KERNEL_FLAGS := --target=x86_64-unknown-none-elf -g -O2 -ffreestanding -fpie -fvisibility=hidden \
    -fdirect-access-external-data -mno-red-zone -mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fno-common -ffile-prefix-map=$(CURDIR)/= \
    -nostdinc -isystem $(CLANG_INCLUDE) -I. -Ikernel/arch/x86_64
# The shortest ways through the kernel do without frame pointers: three instructions a function.
$(O)/obj/kernel/kernel/ipc/fast.c.o $(O)/obj/kernel/kernel/system/dispatch.c.o \
    $(O)/obj/kernel/kernel/system/system_calls.c.o: KERNEL_FLAGS += -fomit-frame-pointer
KERNEL_OBJECTS := $(call objects,kernel,$(KERNEL_SOURCES))

$(O)/obj/kernel/%.c.o: %.c Makefile kernel/build.mk
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) -std=c23 $(KERNEL_FLAGS) $(WARNINGS) -MMD -MP -c $< -o $@
$(O)/obj/kernel/%.S.o: %.S Makefile kernel/build.mk
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) $(KERNEL_FLAGS) -MMD -MP -c $< -o $@

$(O)/kernel.elf: $(KERNEL_OBJECTS) kernel/link.ld
	$(call say,LD,$@)
	$(Q)$(LD) -static -pie --no-dynamic-linker -z max-page-size=4096 -z norelro -T kernel/link.ld -o $@ $(KERNEL_OBJECTS)
# GRUB refuses an ELF file with relocation sections. Ours are data: the kernel applies them itself.
	$(Q)$(OBJCOPY) --set-section-type .rela.dyn=1 $@
ALL_TARGETS += $(O)/kernel.elf
