# SPDX-License-Identifier: MIT
$(eval $(call module,attack,test/guest/attack/attacker.c,interfaces rt libc,))
$(eval $(call module,honest,test/guest/attack/honest.c,interfaces rt libc,))
