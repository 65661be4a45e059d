# SPDX-License-Identifier: MIT
$(eval $(call module,bench,$(wildcard bench/guest/*.c),block interfaces rt libc,))
$(eval $(call module,bench_echo,bench/echo/main.c,rt libc,))
