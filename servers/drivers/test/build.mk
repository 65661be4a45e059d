# SPDX-License-Identifier: MIT
$(eval $(call module,driver_test,$(addprefix servers/drivers/test/,main.c battery.c measure.c),block rt interfaces,))
