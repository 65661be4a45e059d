# SPDX-License-Identifier: MIT
$(eval $(call module,mover_test,test/guest/mover/main.c test/guest/mover/checkpoints.c test/guest/mover/updates.c test/guest/mover/files.c,interfaces rt libc,))
