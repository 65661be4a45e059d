# SPDX-License-Identifier: MIT
$(eval $(call module,ping,servers/ping/main.c,interfaces rt,))
