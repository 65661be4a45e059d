# SPDX-License-Identifier: MIT
# The macros that build.mk fragments use. All paths are relative to the root of the tree.
#   $(eval $(call user_lib,NAME,SOURCES,EXTRA_CFLAGS))      $(O)/lib/NAME.a
#   $(eval $(call module,NAME,SOURCES,LIBS,EXTRA_CFLAGS))   $(O)/modules/NAME.mod
#   $(eval $(call host_tool,NAME,SOURCES,EXTRA_CFLAGS))     $(O)/tools/NAME
#   $(eval $(call host_test,NAME,SOURCES,EXTRA_CFLAGS))     $(O)/test/NAME, run by `make check`
# Sources may lie under $(O) (generated). Everything user-side waits for USER_PREREQUISITES
# (installed libc headers, generated interfaces), to which fragments add.
ALL_TARGETS :=
HOST_TESTS :=
USER_PREREQUISITES :=
HOST_PREREQUISITES :=

ifdef V
Q :=
else
Q := @
endif
say = @printf '  %-5s %s\n' $(1) $(2)

# objects,NAME,SOURCES: the object files of one target, each target its own directory.
objects = $(patsubst %,$(O)/obj/$(1)/%.o,$(subst $(O)/,,$(2)))

# compile,NAME,SOURCE,COMPILER-AND-FLAGS,ORDER-ONLY-PREREQUISITES
define compile
$(call objects,$(1),$(2)): $(2) Makefile mk/toolchain.mk mk/rules.mk | $(4)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$(Q)$(3) -MMD -MP -c $$< -o $$@
endef

# Services as transactions (TX=1). Objects are bitcode, with type maps; third-party memory is scanned, not typed. The undo
# log is written when a module is linked, because only the whole says what need not be logged.
# TX_PLAIN is without either: what stands below the transactions, and what has no event loop: programs, and tests with
# several threads.
TX_PLAIN := lib/rt/undo_log.c lib/rt/commit.c lib/rt/shadow.c lib/rt/loop.c lib/rt/mem.c randomizer/mover/% randomizer/linker/recipe.c randomizer/linker/plan.c randomizer/linker/chacha.c \
    test/guest/storm/% test/guest/hostile/% test/guest/processor/% test/guest/tally/% test/guest/mover/% lib/test/% \
    bench/guest/% apps/workload/% apps/shell/%
# Not undone, but moved: what the event loop remembers of one transaction in the next.
TX_MAPPED := lib/rt/serve.c lib/rt/heir.c lib/rt/checkpoint.c
TX_UNTYPED := third_party/% lib/libc/thread.c
TX_NATIVE := %.s %.S lib/libc/test/%
tx_maps = $(if $(filter $(TX_PLAIN),$(1)),,$(TYPE_MAP_FLAGS) $(if $(filter $(TX_UNTYPED),$(1)),$(TYPE_MAP_UNTYPED)))
tx_undo = $(if $(filter $(TX_PLAIN) $(TX_MAPPED),$(1)),$(UNDO_LOG_PLAIN),-DUNDO_LOGGED)
tx_flags = $(if $(filter 1,$(TX)),$(if $(filter $(TX_NATIVE),$(1)),,-emit-llvm $(call tx_undo,$(1)) $(call tx_maps,$(1))))
TX_PLUGINS := $(if $(filter 1,$(TX)),$(O)/passes/undo_log.so $(O)/passes/type_map.so)
# Programs that no request runs in: their C library's stores need no log either.
TX_PROGRAMS := bench shell workload
# The heap keeps the promise of undo_note_fresh.
TX_PASSES := undo-log<closed;fresh;allocator=slab_alloc>,function(early-cse<memssa>)
tx_passes = $(if $(filter $(TX_PROGRAMS),$(1)),function(early-cse<memssa>),$(TX_PASSES))
tx_link = $(if $(filter 1,$(TX)),--load-pass-plugin=$(UNDO_LOG_PLUGIN) '--lto-newpm-passes=$(call tx_passes,$(1))')

# user_objects,NAME,SOURCES,EXTRA_CFLAGS
define user_objects
$(foreach s,$(2),$(eval $(call compile,$(1),$(s),$$(CC) $$(USER_FLAGS) $$(WARNINGS) $(3) $$(call tx_flags,$(s)),user-prerequisites)))
$(call objects,$(1),$(2)): $(TX_PLUGINS)
endef

define user_lib
$(call user_objects,$(1),$(2),$(3))
$(O)/lib/$(1).a: $(call objects,$(1),$(2))
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)
	$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
ALL_TARGETS += $(O)/lib/$(1).a
endef

# One relocatable file a service: nothing is placed at build time, every section stays its own (--unique).
define module
$(call user_objects,$(1),$(2),$(4))
$(O)/modules/$(1).mod: $(call objects,$(1),$(2)) $(foreach l,$(3),$(O)/lib/$(l).a) | $(O)/tools/samsara-layout
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$$(LD) -r --unique -T randomizer/linker/module.ld $$(call tx_link,$(1)) --gc-sections -e start_service -u start_service -o $$@.full \
	    $(call objects,$(1),$(2)) --start-group $(foreach l,$(3),$(O)/lib/$(l).a) --end-group
	$(Q)$$(OBJCOPY) --strip-debug --keep-file-symbols $$@.full $$@ # files tell statics of one name apart, see randomizer/mover/match.c
	$(Q)$(O)/tools/samsara-layout $$@ 0 > /dev/null # undefined symbols show here, not at the first birth
ALL_TARGETS += $(O)/modules/$(1).mod
endef

define host_tool
$(foreach s,$(2),$(eval $(call compile,tool-$(1),$(s),$$(CC) $$(HOST_FLAGS) $$(WARNINGS) $(3),host-prerequisites)))
$(O)/tools/$(1): $(call objects,tool-$(1),$(2))
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$$(CC) -o $$@ $$^ $$(LINK_LIBS)
ALL_TARGETS += $(O)/tools/$(1)
endef

# Tests share the objects of sources that they compile with the same flags: host_group names the directory.
host_group = test$(if $(strip $(1)),-$(firstword $(shell printf %s $(call shell_word,$(1)) | cksum)))
shell_word = '$(subst ','\'',$(strip $(1)))'
HOST_TEST_OBJECTS :=
define host_test_object # GROUP, SOURCE, CFLAGS
ifeq ($(filter $(call objects,$(1),$(2)),$(HOST_TEST_OBJECTS)),)
HOST_TEST_OBJECTS += $(call objects,$(1),$(2))
$(call compile,$(1),$(2),$$(CC) $$(HOST_TEST_FLAGS) $$(WARNINGS) $(3),host-prerequisites)
endif
endef

define host_test
$(foreach s,$(2),$(eval $(call host_test_object,$(call host_group,$(3)),$(s),$(3))))
$(O)/test/$(1): $(call objects,$(call host_group,$(3)),$(2)) $(4)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$$(CC) -fsanitize=address,undefined -o $$@ $$^ -lcmocka
$(O)/test/$(1).passed: $(O)/test/$(1)
	$$(call say,TEST,$$<)
	$(Q)$$< > $$<.log 2>&1 || { cat $$<.log; exit 1; }
	@grep -E 'PASSED|FAILED' $$<.log | tail -n 2; touch $$@
HOST_TESTS += $(1)
endef
