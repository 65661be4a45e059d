# SPDX-License-Identifier: MIT
CONSOLE := servers/console
$(eval $(call module,console,$(CONSOLE)/line.c $(CONSOLE)/uart.c $(CONSOLE)/main.c,rt interfaces,))
$(eval $(call host_test,console,$(CONSOLE)/test/console_test.c $(CONSOLE)/line.c $(CONSOLE)/uart.c,))
