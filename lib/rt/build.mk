# SPDX-License-Identifier: MIT
# The runtime of services, and its host tests.
RT_SOURCES := $(addprefix lib/rt/,start.c serve.c loop.c check.c commit.c shadow.c defer.c await.c map.c park.c notify.c timer.c inherit.c time.c random.c log.c text.c \
    heap.c heap_pages.c heap_slab.c heap_table.c)
RT_UNDONE := lib/rt/$(if $(filter 1,$(TX)),undone.c,undone_not.c)
RT_HEIR := lib/rt/heir.c lib/rt/checkpoint.c $(addprefix randomizer/mover/,move.c view.c address.c table.c objects.c changes.c verify.c plan.c globals.c handles.c type_map.c save.c restore.c checkpoint.c update.c update_contents.c convert.c match.c)

$(eval $(call user_lib,rt_core,lib/rt/entry.c $(RT_SOURCES) $(RT_UNDONE) $(RT_HEIR),))
$(eval $(call user_lib,rt_mem,lib/rt/mem.c lib/rt/undo_log.c,-fno-builtin))

# With the C library inside: the runtime needs it, so every service has it.
$(O)/lib/rt.a: $(O)/lib/rt_core.a $(O)/lib/rt_mem.a $(O)/lib/musl.a $(O)/lib/libc_glue.a
	$(call say,AR,$@)
	$(Q)rm -f $@ && printf 'create $@\n$(^:%=addlib %\n)save\nend\n' | sed 's/^ *//' | $(AR) -M
ALL_TARGETS += $(O)/lib/rt.a

RT_TESTED := $(RT_SOURCES) lib/rt/undone.c $(RT_HEIR) lib/rt/undo_log.c lib/rt/test/fake_kernel.c
$(eval $(call host_test,rt_heap,lib/rt/test/heap_test.c $(RT_TESTED),))
$(eval $(call host_test,rt_serve,lib/rt/test/serve_test.c $(RT_TESTED),))
$(eval $(call host_test,rt_shadow,lib/rt/test/shadow_test.c $(RT_TESTED),))
$(eval $(call host_test,rt_start,lib/rt/test/start_test.c $(RT_TESTED),))
$(eval $(call host_test,rt_mem,lib/rt/test/mem_test.c,-fno-builtin))
# With the runtime, its heap and the played kernel around it.
$(eval $(call host_test,mover_save,randomizer/mover/test/save_test.c $(RT_TESTED),))
