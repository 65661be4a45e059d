# SPDX-License-Identifier: MIT
# The file service, and libext2fs under it: unmodified, once for the guest and once for the host tests.
E2FS := third_party/e2fsprogs/lib
E2FS_GEN := $(O)/gen/e2fs

# What configure and the library's own makefiles would generate.
E2FS_HEADERS := $(E2FS_GEN)/.made
$(E2FS_HEADERS): $(E2FS)/ext2fs/ext2_err.et.in servers/fs/build.mk
	$(call say,GEN,$(E2FS_GEN))
	$(Q)mkdir -p $(E2FS_GEN)/ext2fs
	$(Q)sed -e 's/@[A-Z_]*_HEADER@//' -e 's/@SIZEOF_SHORT@/2/g' -e 's/@SIZEOF_INT@/4/g' -e 's/@SIZEOF_LONG@/8/g' \
	    -e 's/@SIZEOF_LONG_LONG@/8/g' $(E2FS)/ext2fs/ext2_types.h.in > $(E2FS_GEN)/ext2fs/ext2_types.h
	$(Q)version=$$(sed -n 's/.*E2FSPROGS_VERSION "\(.*\)".*/\1/p' $(E2FS)/../version.h); \
	    sed "s/@E2FSPROGS_VERSION@/$$version/" $(E2FS)/ext2fs/ext2_err.et.in > $(E2FS_GEN)/ext2_err.et
	$(Q)cd $(E2FS_GEN) && awk -f $(CURDIR)/$(E2FS)/et/et_h.awk outfile=ext2fs/ext2_err.h outfn=ext2_err.h ext2_err.et \
	    && awk -f $(CURDIR)/$(E2FS)/et/et_c.awk outfile=ext2_err.c outfn=ext2_err.c ext2_err.et
	$(Q)$(CC) -w -I$(E2FS) -Iservers/fs/port -o $(E2FS_GEN)/gen_crc32ctable $(E2FS)/ext2fs/gen_crc32ctable.c
	$(Q)$(E2FS_GEN)/gen_crc32ctable > $(E2FS_GEN)/crc32c_table.h
	$(Q)cp $(E2FS_GEN)/ext2fs/*.h $(E2FS_GEN)/
	$(Q)touch $@
$(E2FS_GEN)/ext2_err.c: $(E2FS_HEADERS) ;

E2FS_PARTS := alloc alloc_sb alloc_stats badblocks bitmaps bitops blkmap64_ba blkmap64_rb blknum block bmap closefs crc16 \
    crc32c csum dir_iterate dirblock extent ext_attr fileio freefs gen_bitmap gen_bitmap64 get_num_dirs hashmap i_block ind_block inline inline_data \
    inode io_manager mkjournal mmp openfs punch rbtree rw_bitmaps symlink valid_blk
E2FS_SOURCES := $(E2FS_PARTS:%=$(E2FS)/ext2fs/%.c)
# Before the sources are fetched, make must not ask for them.
$(E2FS_PARTS:%=$(E2FS)/ext2fs/%.c) $(E2FS)/ext2fs/ext2_err.et.in: ;
E2FS_INCLUDES := -Iservers/fs/port -I$(E2FS_GEN) -I$(E2FS) -I$(E2FS)/ext2fs
E2FS_FLAGS := -w -std=gnu11 -DHAVE_CONFIG_H -D_GNU_SOURCE $(E2FS_INCLUDES)

# The guest's.
USER_PREREQUISITES += $(E2FS_HEADERS)
$(eval $(call user_lib,ext2fs,$(E2FS_SOURCES),$(E2FS_FLAGS)))

# Our own sources are checked as strictly as all others; the library's headers are not ours to warn about.
FS_FLAGS := -D_GNU_SOURCE -isystem servers/fs/port -isystem $(E2FS_GEN) -isystem $(E2FS)
FS_CORE := $(addprefix servers/fs/,cache.c cache_lines.c cache_read.c cache_write.c channel.c chores.c consistency.c dir.c dir_block.c dir_index.c file.c flat.c \
    inode.c journal.c journal_commit.c journal_replay.c map.c names.c open.c operations.c orphan.c path.c space.c sync.c volume.c port/nls.c)
$(eval $(call module,fs,$(FS_CORE) servers/fs/block_device.c servers/fs/main.c,ext2fs block interfaces rt libc,$(FS_FLAGS)))

# The same for the host: the core on a file, the library with checks too. Our own loops are in the tests' flags.
E2FS_HOST_FLAGS := -w -g -O1 -fsanitize=address,undefined -fno-sanitize=alignment,shift,signed-integer-overflow \
    -ffunction-sections -std=gnu11 -DHAVE_CONFIG_H -D_GNU_SOURCE $(E2FS_INCLUDES)
$(foreach s,$(E2FS_SOURCES),$(eval $(call compile,host-ext2fs,$(s),$$(CC) $$(E2FS_HOST_FLAGS),$(E2FS_HEADERS))))
$(O)/test/host-ext2fs.a: $(call objects,host-ext2fs,$(E2FS_SOURCES))
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
HOST_PREREQUISITES += $(E2FS_HEADERS)

FS_BED := $(addprefix servers/fs/test/,bed.c file_device.c heap.c)
fs_test = $(eval $(call host_test,fs_$(1),servers/fs/test/$(1)_test.c $(2) $(FS_CORE) $(FS_BED) servers/fs/test/engine_none.c,$(FS_FLAGS),$(O)/test/host-ext2fs.a))
$(eval $(call host_test,fs_flat,servers/fs/test/flat_test.c servers/fs/flat.c,$(FS_FLAGS)))
$(call fs_test,random,servers/fs/test/model.c)
$(call fs_test,faults)
$(call fs_test,damage)
$(call fs_test,journal)
$(call fs_test,consistency)
$(call fs_test,map)
# Of the library only what is used: the rest would need more of it still.
$(O)/test/fs_random $(O)/test/fs_faults $(O)/test/fs_damage $(O)/test/fs_journal $(O)/test/fs_consistency $(O)/test/fs_map: private CC := $(CC) -Wl,--gc-sections
