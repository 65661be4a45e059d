# SPDX-License-Identifier: MIT
$(eval $(call user_lib,block,lib/block/request.c lib/block/client.c,))
$(eval $(call host_test,block_client,lib/block/test/client_test.c lib/block/request.c,))
