# SPDX-License-Identifier: MIT
$(eval $(call user_lib,apps,$(addprefix apps/lib/,files.c json.c listing.c outcome.c path.c poll.c sha256.c strip.c)))
$(eval $(call host_test,apps_lib,apps/lib/test/lib_test.c apps/lib/json.c apps/lib/path.c apps/lib/sha256.c \
    apps/lib/outcome.c))
$(eval $(call host_test,apps_listing,apps/lib/test/listing_test.c apps/lib/listing.c))
