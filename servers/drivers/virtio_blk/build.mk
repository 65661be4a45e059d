# SPDX-License-Identifier: MIT
BLK := servers/drivers/virtio_blk
$(eval $(call module,virtio_blk,$(BLK)/ring.c $(BLK)/engine.c $(BLK)/device.c $(BLK)/sessions.c \
    $(BLK)/main.c,virtio rt interfaces,))
$(eval $(call host_test,blk_engine,$(BLK)/test/engine_test.c $(BLK)/test/fake_disk.c $(BLK)/ring.c \
    $(BLK)/engine.c $(BLK)/device.c lib/virtio/device.c lib/virtio/queue.c,))
