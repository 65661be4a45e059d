# SPDX-License-Identifier: MIT
$(eval $(call module,hoard,servers/hoard/main.c servers/hoard/hoard.c,interfaces rt libc,-Iservers/hoard/shape))
