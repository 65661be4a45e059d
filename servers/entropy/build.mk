# SPDX-License-Identifier: MIT
$(eval $(call module,entropy,servers/entropy/main.c,virtio rt interfaces,))
