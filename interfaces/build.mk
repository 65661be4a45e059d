# SPDX-License-Identifier: MIT
# Stubs, dispatchers and trace tables: $(O)/gen/interfaces/NAME.*; reference pages: $(O)/gen/pages.
IDL_FILES := $(sort $(wildcard interfaces/*.idl))
IDL_NAMES := $(IDL_FILES:interfaces/%.idl=%)
IDL_STAMP := $(O)/gen/interfaces/.made
IDL_SUFFIXES := types.h client.h server.h server.c trace.c json
IDL_OUTPUTS := $(O)/gen/interfaces/all.trace.c \
    $(foreach n,$(IDL_NAMES),$(foreach s,$(IDL_SUFFIXES),$(O)/gen/interfaces/$(n).$(s)))

$(IDL_STAMP): $(IDL_FILES) $(wildcard interfaces/gen/*.py) kernel/abi/status.def
	@mkdir -p $(@D)
	$(call say,IDL,$(O)/gen/interfaces)
	$(Q)$(PYTHON) -B -m interfaces.gen --out $(O)/gen/interfaces --pages $(O)/gen/pages $(IDL_FILES)
	@touch $@

# The generator leaves unchanged files alone, so make looks at their own times after this.
$(IDL_OUTPUTS): $(IDL_STAMP) ;

USER_PREREQUISITES += $(IDL_STAMP)
HOST_PREREQUISITES += $(IDL_STAMP)

# Every dispatcher, in one archive: a module pulls in those that it names.
$(eval $(call user_lib,interfaces,$(IDL_NAMES:%=$(O)/gen/interfaces/%.server.c)))

# Message decoding for those that show traces (shell, supervisor).
$(eval $(call user_lib,trace,interfaces/trace.c $(O)/gen/interfaces/all.trace.c \
    $(IDL_NAMES:%=$(O)/gen/interfaces/%.trace.c)))

# The committed reference pages, brought up to date; a test compares them.
interface-pages: $(IDL_STAMP)
	@mkdir -p docs/interfaces
	$(Q)cp $(IDL_NAMES:%=$(O)/gen/pages/%.md) docs/interfaces/
.PHONY: interface-pages

# The generator's own test: an interface that uses the whole language, against a fake kernel.
IDL_TEST := $(O)/gen/idltest/interfaces
$(IDL_TEST)/.made: interfaces/gen/test/lamp.idl $(wildcard interfaces/gen/*.py)
	@mkdir -p $(@D)
	$(Q)$(PYTHON) -B -m interfaces.gen --out $(@D) $<
	@touch $@
HOST_PREREQUISITES += $(IDL_TEST)/.made
$(foreach f,lamp.server.c lamp.trace.c all.trace.c,$(IDL_TEST)/$(f)): $(IDL_TEST)/.made ;
$(eval $(call host_test,interfaces,interfaces/gen/test/dispatch_test.c interfaces/trace.c \
    $(foreach f,lamp.server.c lamp.trace.c all.trace.c,$(IDL_TEST)/$(f)),-iquote $(O)/gen/idltest))
