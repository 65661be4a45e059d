# SPDX-License-Identifier: MIT
$(eval $(call module,time,servers/time/rtc.c servers/time/main.c,rt interfaces,))
$(eval $(call host_test,rtc,servers/time/test/rtc_test.c servers/time/rtc.c,))
