# SPDX-License-Identifier: MIT
$(eval $(call user_lib,virtio,lib/virtio/queue.c lib/virtio/device.c lib/virtio/find.c lib/virtio/pci.c,))
$(eval $(call host_test,virtio_queue,lib/virtio/test/queue_test.c lib/virtio/queue.c,))
$(eval $(call host_test,virtio_device,lib/virtio/test/device_test.c lib/virtio/device.c \
    lib/virtio/find.c lib/virtio/queue.c,))
