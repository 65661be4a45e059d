# SPDX-License-Identifier: MIT
# Libraries of others, unmodified: the same sources with the same options once for services and once for the host,
# whose run of the same input says what the services must answer (apps/thirdparty).
#   $(eval $(call thirdparty_lib,NAME,SOURCES,CFLAGS))      $(O)/lib/NAME.a and $(O)/host/NAME.a
THIRDPARTY_HOST_FLAGS := -O2 -g -w -I. -I$(O)/gen

define thirdparty_lib
$(eval $(call user_lib,$(1),$(2),-w $(3)))
$(foreach s,$(2),$(eval $(call compile,host-$(1),$(s),$$(CC) $$(THIRDPARTY_HOST_FLAGS) $(3),host-prerequisites)))
$(O)/host/$(1).a: $(call objects,host-$(1),$(2))
	@mkdir -p $$(@D)
	$$(call say,AR,$$@)
	$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
