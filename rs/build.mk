# SPDX-License-Identifier: MIT
# The reincarnation server and its host tests.
RS_SOURCES := $(addprefix rs/,main.c resources.c args.c birth.c body.c spare.c move.c update.c checkpoint.c ladder.c letters.c boots.c kept.c death.c corpse.c watch.c \
    self.c twin.c inject.c record.c text.c events.c layout.c commands.c policy.c modules.c manifest.c archive.c) $(addprefix randomizer/linker/,module.c symbolise.c recipe.c plan.c chacha.c)
$(eval $(call module,rs,$(RS_SOURCES),interfaces trace rt,-D_POSIX_C_SOURCE=200809L))

$(eval $(call host_test,rs_policy,rs/test/policy_test.c rs/policy.c,))
$(eval $(call host_test,rs_text,rs/test/text_test.c rs/text.c interfaces/trace.c $(O)/gen/interfaces/all.trace.c \
    $(IDL_NAMES:%=$(O)/gen/interfaces/%.trace.c),-D_POSIX_C_SOURCE=200809L))
$(eval $(call host_test,rs_kept,rs/test/kept_test.c rs/kept.c rs/text.c interfaces/trace.c $(O)/gen/interfaces/all.trace.c \
    $(IDL_NAMES:%=$(O)/gen/interfaces/%.trace.c),-D_POSIX_C_SOURCE=200809L))
$(eval $(call host_test,rs_input,rs/test/input_test.c rs/archive.c rs/manifest.c rs/args.c, \
    -DARCHIVE='"$(O)/test/rs_input.cpio"'))

# The archive that rs_input reads, packed by the same compiler as real ones, from made-up modules.
$(O)/test/rs_input.cpio: rs/test/image.toml $(wildcard tools/manifest/*.py)
	@mkdir -p $(O)/test/rs_input.parts/modules
	$(Q)for m in rs a b; do echo "module $$m" > $(O)/test/rs_input.parts/modules/$$m.mod; done
	$(Q)echo bootstrap > $(O)/test/rs_input.parts/bootstrap.bin
	$(Q)$(PYTHON) -B -m tools.manifest $< --build $(O)/test/rs_input.parts --out $@
$(O)/test/rs_input.passed: $(O)/test/rs_input.cpio

# The supervisor itself, all but its start-up, on a played kernel.
RS_LIFE := $(addprefix rs/,resources.c args.c birth.c body.c spare.c move.c update.c checkpoint.c ladder.c letters.c boots.c kept.c death.c corpse.c watch.c inject.c record.c \
    text.c events.c layout.c commands.c policy.c) randomizer/linker/module.c randomizer/linker/symbolise.c randomizer/mover/checkpoint.c interfaces/trace.c \
    $(O)/gen/interfaces/rs.server.c $(O)/gen/interfaces/all.trace.c $(IDL_NAMES:%=$(O)/gen/interfaces/%.trace.c)
rs_life_test = $(eval $(call host_test,rs_$(1),rs/test/$(1)_test.c rs/test/life_bed.c rs/test/fake.c rs/test/fake_kernel.c $(RS_LIFE),-D_POSIX_C_SOURCE=200809L))
$(foreach n,life reborn move ladder,$(call rs_life_test,$(n)))

# The same on the machine: images/test-deaths.
$(eval $(call module,test_victim,rs/test/guest/victim.c,interfaces rt,-Wno-infinite-recursion))
$(eval $(call module,test_examiner,rs/test/guest/examiner.c,interfaces rt,))

# And images/restart.
$(eval $(call module,test_restarted,rs/test/guest/restarted.c,interfaces rt,))
