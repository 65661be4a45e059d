# SPDX-License-Identifier: MIT
$(eval $(call module,driver_test,servers/drivers/test/main.c servers/drivers/test/battery.c,block rt interfaces,))
