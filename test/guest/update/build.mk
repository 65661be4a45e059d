# SPDX-License-Identifier: MIT
# Versions of the hoard that it is updated to: the same program, with other types.
HOARD_VERSIONS := next grams unwell other
$(foreach v,$(HOARD_VERSIONS),$(eval $(call module,hoard_$(v),servers/hoard/main.c servers/hoard/hoard.c,interfaces rt libc,-Itest/guest/update/$(v))))
# A function of another name: what points to it has nothing to point to.
$(eval $(call module,hoard_renamed,servers/hoard/main.c servers/hoard/hoard.c,interfaces rt libc,-Iservers/hoard/shape -Dtimes=multiply))

# The file service with fields of other names: what the old ones knew (how far to read ahead, where to look for free
# blocks) is dropped, and found out anew.
FS_NEXT := -Dahead_to=ahead_end -Dahead_blocks=ahead_count -Dnext_goal=search_from
$(eval $(call module,fs_next,$(FS_CORE) servers/fs/block_device.c servers/fs/main.c,ext2fs block interfaces rt libc,$(FS_FLAGS) $(FS_NEXT)))
