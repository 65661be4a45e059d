# SPDX-License-Identifier: MIT
# The bootstrap blob. It is always built for the small code model: it runs wherever it is mapped.
BOOTSTRAP_SOURCES := $(addprefix randomizer/linker/,bootstrap_kernel.c bootstrap.c module.c plan.c relocate.c chacha.c)
BOOTSTRAP_FLAGS := --target=x86_64-unknown-none-elf $(COMMON_FLAGS) -O2 -ffreestanding -fpie \
    -fdirect-access-external-data -fvisibility=hidden -ffunction-sections -fno-asynchronous-unwind-tables \
    -fno-omit-frame-pointer -mno-red-zone -fno-stack-protector -nostdinc -isystem $(CLANG_INCLUDE) -I.

$(foreach s,$(BOOTSTRAP_SOURCES),$(eval $(call compile,bootstrap,$(s),$$(CC) $$(BOOTSTRAP_FLAGS) $$(WARNINGS),)))
$(O)/bootstrap.elf: $(call objects,bootstrap,$(BOOTSTRAP_SOURCES)) randomizer/linker/bootstrap.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LD) -pie --no-dynamic-linker --gc-sections -T randomizer/linker/bootstrap.ld -o $@ $(filter %.o,$^)
$(O)/bootstrap.bin: $(O)/bootstrap.elf
	$(call say,COPY,$@)
	$(Q)$(OBJCOPY) -O binary -j .blob $< $@
ALL_TARGETS += $(O)/bootstrap.bin
