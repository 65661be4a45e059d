# SPDX-License-Identifier: MIT
RTTEST_SOURCES := $(addprefix lib/test/,main.c memory.c messages.c tasks.c services.c)
$(eval $(call module,rttest,$(RTTEST_SOURCES),interfaces rt,))
