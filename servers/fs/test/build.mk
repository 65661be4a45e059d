# SPDX-License-Identifier: MIT
# libext2fs with the undo log on the host, for randomizer/test/test_passes.py and randomizer/passes/measure. Here, because it
# needs E2FS_SOURCES. Built on request only: make build/test/volume-plain and so on. Its C library's stores
# are in randomizer/test/undo/volume_heap.c, under names of their own.
VOLUME_RENAMES := $(foreach f,malloc calloc realloc free posix_memalign strcpy strcat strncpy,-D$(f)=volume_$(f))
VOLUME_LIBRARY = $(E2FS_SOURCES) $(addprefix $(E2FS)/ext2fs/,namei.c lookup.c link.c unlink.c expanddir.c dirhash.c newdir.c sha512.c fallocate.c)
VOLUME_PARTS = $(VOLUME_LIBRARY) randomizer/test/undo/volume_ops.c
VOLUME_FLAGS = -w -std=gnu11 -gdwarf-4 -O2 -fno-strict-aliasing -ffunction-sections -D_FORTIFY_SOURCE=0 -DHAVE_CONFIG_H \
    -D_GNU_SOURCE $(E2FS_INCLUDES) -I.
define undo_volume # VARIANT, FLAGS, UNDO_FRESH
$(foreach s,$(VOLUME_PARTS),$(eval $(call compile,volume-$(1),$(s),$$(CC) $$(VOLUME_FLAGS) $(2) $(VOLUME_RENAMES),$(E2FS_HEADERS) $(UNDO_LOG_PLUGIN))))
$(eval $(call compile,volume-$(1),randomizer/test/undo/volume_heap.c,$$(CC) $$(VOLUME_FLAGS) $(2) -DUNDO_FRESH=$(3),$(UNDO_LOG_PLUGIN)))
$(foreach s,randomizer/test/undo/volume_test.c lib/rt/undo_log.c,$(eval $(call compile,volume-$(1),$(s),$$(CC) -std=c23 -gdwarf-4 -O2 -fno-builtin -D_GNU_SOURCE $$(WARNINGS) -I.,)))
$(O)/test/volume-$(1): $(call objects,volume-$(1),$(VOLUME_PARTS) $(addprefix randomizer/test/undo/,volume_heap.c volume_test.c) lib/rt/undo_log.c)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$$(CC) -Wl,--gc-sections -o $$@ $$^
endef

UNDO_FRESH_FLAGS := -mllvm -undo-log-fresh -mllvm -undo-log-allocators=volume_malloc,volume_calloc
UNDO_OPTION = -mllvm -undo-log-$(1)
$(eval $(call undo_volume,plain,,0))
$(eval $(call undo_volume,undo,$(UNDO_LOG_FLAGS),0))
$(eval $(call undo_volume,fresh,$(UNDO_LOG_FLAGS) $(UNDO_FRESH_FLAGS),1))
# What each optimisation brings: the best variant without it.
$(foreach o,no-dedupe no-groups no-merge no-bounds all,$(eval $(call undo_volume,$(o),$(UNDO_LOG_FLAGS) $(UNDO_FRESH_FLAGS) $(call UNDO_OPTION,$(o)),1)))

# fs_undone: fs_random with the core and the library compiled with the undo log, and requests undone whenever they
# would have to wait, and at random instructions.
UNDONE_FLAGS := $(VOLUME_RENAMES) -Dstrdup=volume_strdup $(UNDO_LOG_FLAGS) $(UNDO_FRESH_FLAGS)
UNDONE_HOST := -O2 -fno-sanitize=all -fno-builtin -D_FORTIFY_SOURCE=0
UNDONE_CORE := $(FS_CORE) servers/fs/test/heap.c # of which it is a part there: what is allocated is undone
UNDONE_PLAIN := $(filter-out servers/fs/test/heap.c,$(FS_BED)) $(addprefix servers/fs/test/,random_test.c model.c engine.c) lib/rt/undo_log.c
$(foreach s,$(E2FS_SOURCES),$(eval $(call compile,test-fs_undone,$(s),$$(CC) $$(VOLUME_FLAGS) $$(UNDONE_FLAGS),$(E2FS_HEADERS) $(UNDO_LOG_PLUGIN))))
$(eval $(call compile,test-fs_undone,randomizer/test/undo/volume_heap.c,$$(CC) $$(VOLUME_FLAGS) $$(UNDO_LOG_FLAGS) $$(UNDO_FRESH_FLAGS) -DUNDO_FRESH=1 -DVOLUME_HEAP_MIB=512,$(UNDO_LOG_PLUGIN)))
$(foreach s,$(UNDONE_CORE),$(eval $(call compile,test-fs_undone,$(s),$$(CC) $$(HOST_TEST_FLAGS) $$(UNDONE_HOST) $$(WARNINGS) $(FS_FLAGS) $$(UNDONE_FLAGS),host-prerequisites $(UNDO_LOG_PLUGIN))))
$(foreach s,$(UNDONE_PLAIN),$(eval $(call compile,test-fs_undone,$(s),$$(CC) $$(HOST_TEST_FLAGS) $$(UNDONE_HOST) $$(WARNINGS) $(FS_FLAGS),host-prerequisites)))
$(O)/test/fs_undone: $(call objects,test-fs_undone,$(E2FS_SOURCES) $(UNDONE_CORE) $(UNDONE_PLAIN) randomizer/test/undo/volume_heap.c)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -Wl,--gc-sections -o $@ $^ -lcmocka
$(O)/test/fs_undone.passed: $(O)/test/fs_undone
	$(call say,TEST,$<)
	$(Q)$< > $<.log 2>&1 || { cat $<.log; exit 1; }
	@grep -E 'PASSED|FAILED' $<.log | tail -n 2; touch $@
HOST_TESTS += fs_undone

# As a service is built: all of it in the pass's sight. What the test calls takes no pointers, and the test commits
# between operations only.
VOLUME_BITCODE := $(VOLUME_PARTS) randomizer/test/undo/volume_heap.c
$(foreach s,$(VOLUME_BITCODE),$(eval $(call compile,volume-whole,$(s),$$(CC) $$(VOLUME_FLAGS) -emit-llvm -DUNDO_FRESH=0 $(VOLUME_RENAMES),$(E2FS_HEADERS))))
$(O)/test/volume-whole: $(call objects,volume-whole,$(VOLUME_BITCODE)) $(UNDO_LOG_PLUGIN) \
    $(call objects,volume-plain,randomizer/test/undo/volume_test.c lib/rt/undo_log.c)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -fuse-ld=lld -Wl,--gc-sections,--load-pass-plugin=$(UNDO_LOG_PLUGIN) -Xlinker '--lto-newpm-passes=$(TX_PASSES)' \
	    -o $@ $(filter %.o,$^)
