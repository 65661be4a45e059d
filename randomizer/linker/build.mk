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

# Modules that the tests link, in both code models whatever CODE_MODEL says.
LINKER_TEST := $(O)/test/linker
LINKER_SAMPLES := $(addprefix randomizer/linker/test/,sample_a.c sample_b.c many.c)
LINKER_SAMPLE_FLAGS = $(filter-out $(MODEL_FLAGS),$(USER_FLAGS))
LINKER_MODEL_small := -fpie -fdirect-access-external-data
LINKER_MODEL_large := -fno-pic -mcmodel=large

define linker_test_module # NAME, OBJECTS
$(LINKER_TEST)/$(1).mod: $(2) randomizer/linker/module.ld
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$$(LD) -r --unique --gc-sections -e start_service -u start_service -T randomizer/linker/module.ld -o $$@.full $(2)
	$(Q)$$(OBJCOPY) --strip-debug $$@.full $$@
LINKER_TEST_MODULES += $(LINKER_TEST)/$(1).mod
endef
define linker_sample # MODEL
$(foreach s,$(LINKER_SAMPLES),$(eval $(call compile,linker-sample-$(1),$(s),$$(CC) $$(LINKER_SAMPLE_FLAGS) $$(LINKER_MODEL_$(1)) $$(WARNINGS),)))
$(call linker_test_module,sample-$(1),$(call objects,linker-sample-$(1),$(LINKER_SAMPLES)))
endef
$(eval $(call linker_sample,small))
$(eval $(call linker_sample,large))
$(eval $(call compile,linker-kinds,randomizer/linker/test/kinds.S,$$(CC) --target=x86_64-unknown-none-elf,))
$(eval $(call linker_test_module,kinds,$(call objects,linker-kinds,randomizer/linker/test/kinds.S)))

# What host programs share: everything but the bootstrap.
LINKER_CORE := $(addprefix randomizer/linker/,module.c plan.c relocate.c chacha.c symbolise.c recipe.c)
LINKER_HOST := randomizer/linker/test/host.c $(LINKER_CORE)
LINKER_DEFINES := -D_GNU_SOURCE -DMODULE_DIR='"$(LINKER_TEST)"' -DREAL_DIR='"$(O)/modules"' -DBOOTSTRAP='"$(O)/bootstrap.bin"'
$(foreach t,linker plan malformed,$(eval $(call host_test,$(t)_test,randomizer/linker/test/$(t)_test.c $(LINKER_HOST),$(LINKER_DEFINES),-lm)))
$(foreach t,linker plan malformed,$(eval $(O)/test/$(t)_test.passed: $(LINKER_TEST_MODULES)))
$(eval $(O)/test/plan_test.passed: $(O)/modules/fs.mod $(O)/modules/rs.mod)
$(eval $(call host_test,tool_test,randomizer/linker/test/tool_test.c randomizer/linker/tool/placed.c $(LINKER_HOST),$(LINKER_DEFINES)))
$(eval $(O)/test/tool_test.passed: $(LINKER_TEST_MODULES))

# The blob itself under a played kernel. Without sanitizers: it runs at addresses of its own, and
# the sanitizers' shadow memory would stand where a plan wants to put things.
BOOTSTRAP_TEST := randomizer/linker/test/bootstrap_test.c $(LINKER_HOST)
$(foreach s,$(BOOTSTRAP_TEST),$(eval $(call compile,test-bootstrap_test,$(s),$$(CC) $$(HOST_FLAGS) $$(WARNINGS) $$(LINKER_DEFINES),)))
$(O)/test/bootstrap_test: $(call objects,test-bootstrap_test,$(BOOTSTRAP_TEST))
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ -lcmocka
$(O)/test/bootstrap_test.passed: $(O)/test/bootstrap_test $(O)/bootstrap.bin $(LINKER_TEST_MODULES)
	$(call say,TEST,$<)
	$(Q)$< > $<.log 2>&1 || { cat $<.log; exit 1; }
	@grep -E 'PASSED|FAILED' $<.log | tail -n 2; touch $@
HOST_TESTS += bootstrap_test

$(eval $(call host_tool,samsara-layout,$(addprefix randomizer/linker/tool/,layout.c placed.c) $(LINKER_CORE),))

$(eval $(call host_tool,samsara-entropy,$(addprefix randomizer/linker/tool/,entropy.c placed.c) $(LINKER_CORE),))
$(O)/tools/samsara-entropy: LINK_LIBS := -lm

# For measure/compare-code-models: the same work in the code model that CODE_MODEL says. Not part of `all`.
WORK_SOURCES := $(addprefix randomizer/linker/measure/,work.c support.c ext2.c)
$(foreach s,$(WORK_SOURCES),$(eval $(call compile,work,$(s),$$(CC) $$(USER_FLAGS) $$(WARNINGS) $$(E2FS_FLAGS) -std=c23,user-prerequisites $(O)/gen/e2fs/.made)))
$(O)/measure/work.mod: $(call objects,work,$(WORK_SOURCES)) $(addprefix $(O)/lib/,ext2fs.a musl.a rt_mem.a) | $(O)/tools/samsara-layout
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LD) -r --unique -T randomizer/linker/module.ld --gc-sections -e start_service -u start_service -o $@.full \
	    $(filter %.o,$^) --start-group $(filter %.a,$^) --end-group
	$(Q)$(OBJCOPY) --strip-debug $@.full $@
	$(Q)$(O)/tools/samsara-layout $@ 0 > /dev/null
MEASURE_RUN := randomizer/linker/measure/run.c randomizer/linker/tool/placed.c $(LINKER_CORE)
$(foreach s,$(MEASURE_RUN),$(eval $(call compile,measure-run,$(s),$$(CC) $$(HOST_FLAGS) $$(WARNINGS) -D_GNU_SOURCE,)))
$(O)/measure/run: $(call objects,measure-run,$(MEASURE_RUN))
	@mkdir -p $(@D)
	$(Q)$(CC) -Wl,--strip-debug -o $@ $^ # valgrind stumbles over DWARF 5
