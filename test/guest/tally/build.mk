# SPDX-License-Identifier: MIT
$(eval $(call module,tally,test/guest/tally/main.c,interfaces rt,))
