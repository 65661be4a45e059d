# SPDX-License-Identifier: MIT
# Reading type maps, tested on the host: hostile maps, and a program whose maps are held against a scan of its memory.
$(eval $(call host_test,type_map_test,randomizer/mover/test/type_map_test.c randomizer/mover/type_map.c,))
$(eval $(call host_test,scan_test,randomizer/mover/test/scan_test.c randomizer/mover/plan.c randomizer/mover/type_map.c,))
$(eval $(call host_test,table_test,randomizer/mover/test/table_test.c randomizer/mover/table.c,))
$(eval $(call host_test,slots_test,randomizer/mover/test/slots_test.c randomizer/mover/plan.c randomizer/mover/type_map.c,))
$(eval $(call host_test,verify_test,randomizer/mover/test/verify_test.c randomizer/mover/verify.c randomizer/mover/plan.c randomizer/mover/type_map.c,))
$(eval $(call host_test,changes_test,randomizer/mover/test/changes_test.c randomizer/mover/changes.c lib/rt/undo_log.c,))
$(eval $(call host_test,view_test,randomizer/mover/test/view_test.c randomizer/mover/view.c,))
$(eval $(call host_test,checkpoint_test,randomizer/mover/test/checkpoint_test.c randomizer/mover/checkpoint.c,))

# Without sanitizers: they would surround the program's globals with memory that belongs to nobody.
MAPPED_TEST := randomizer/mover/test/program_test.c randomizer/mover/type_map.c
MAPPED_FLAGS := $(COMMON_FLAGS) -O2 -I.
$(foreach s,$(MAPPED_TEST),$(eval $(call compile,test-mapped,$(s),$$(CC) $$(MAPPED_FLAGS) $$(WARNINGS),)))
$(eval $(call compile,test-mapped,randomizer/mover/test/program.c,$$(CC) $$(MAPPED_FLAGS) $$(TYPE_MAP_FLAGS) $$(WARNINGS),))
$(call objects,test-mapped,randomizer/mover/test/program.c): $(O)/passes/type_map.so
$(O)/test/type_map_program: $(call objects,test-mapped,$(MAPPED_TEST) randomizer/mover/test/program.c)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ -lcmocka
$(O)/test/type_map_program.passed: $(O)/test/type_map_program
	$(call say,TEST,$<)
	$(Q)$< > $<.log 2>&1 || { cat $<.log; exit 1; }
	@grep -E 'PASSED|FAILED' $<.log | tail -n 2; touch $@
HOST_TESTS += type_map_program

# Types of two versions, each in a file that is compiled with the pass.
VERSION_FILES := $(addprefix randomizer/mover/test/,version_old.c version_new.c)
$(foreach s,$(VERSION_FILES),$(eval $(call compile,test-mapped,$(s),$$(CC) $$(MAPPED_FLAGS) -fno-sanitize=all $$(TYPE_MAP_FLAGS) $$(WARNINGS),)))
$(call objects,test-mapped,$(VERSION_FILES)): $(O)/passes/type_map.so
$(eval $(call host_test,convert_test,randomizer/mover/test/convert_test.c randomizer/mover/convert.c randomizer/mover/type_map.c,,$(call objects,test-mapped,$(VERSION_FILES))))
$(eval $(call host_test,match_test,randomizer/mover/test/match_test.c randomizer/mover/match.c,))
