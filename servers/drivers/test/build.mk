# SPDX-License-Identifier: MIT
$(eval $(call module,driver_test,servers/drivers/test/main.c,block rt interfaces,))
