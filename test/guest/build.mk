# SPDX-License-Identifier: MIT
$(eval $(call module,hostile,test/guest/hostile/main.c,rt libc,))
$(eval $(call module,processor,test/guest/processor/main.c,rt libc,))
$(eval $(call module,storm,test/guest/storm/main.c,rt libc,))
