# SPDX-License-Identifier: MIT
$(eval $(call module,mover_test,test/guest/mover/main.c,interfaces rt libc,))
