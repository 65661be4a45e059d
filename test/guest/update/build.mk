# SPDX-License-Identifier: MIT
# Versions of the hoard that it is updated to: the same program, with other types.
HOARD_VERSIONS := next grams unwell other
$(foreach v,$(HOARD_VERSIONS),$(eval $(call module,hoard_$(v),servers/hoard/main.c servers/hoard/hoard.c,interfaces rt libc,-Itest/guest/update/$(v))))
