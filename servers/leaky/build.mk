# SPDX-License-Identifier: MIT
$(eval $(call module,leaky,servers/leaky/main.c,interfaces rt libc,))
