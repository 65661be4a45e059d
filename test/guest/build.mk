# SPDX-License-Identifier: MIT
$(eval $(call module,hostile,test/guest/hostile/main.c,rt libc,))
