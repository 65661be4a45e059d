# SPDX-License-Identifier: MIT
# Boot archives: one for each images/NAME/image.toml, with the modules that it names.
IMAGE_NAMES := $(patsubst images/%/image.toml,%,$(sort $(wildcard images/*/image.toml)))
IMAGE_TOOLS := $(wildcard tools/manifest/*.py)

define boot_image # NAME, MODULES
$(O)/images/$(1).cpio: images/$(1)/image.toml $(wildcard images/*.toml) $(IMAGE_TOOLS) $(O)/bootstrap.bin \
    $(O)/modules/rs.mod $(2:%=$(O)/modules/%.mod)
	@mkdir -p $$(@D)
	$$(call say,PACK,$$@)
	$(Q)$$(PYTHON) -B -m tools.manifest $$< --build $(O) --out $$@
ALL_TARGETS += $(O)/images/$(1).cpio
endef

# A mistake in an image.toml is told when make starts; $(error) keeps it from being taken for a module name.
modules_of = $(or $(shell $(PYTHON) -B -m tools.manifest images/$(1)/image.toml --modules),$(error images/$(1)/image.toml is not right))
$(foreach n,$(IMAGE_NAMES),$(eval $(call boot_image,$(n),$(call modules_of,$(n)))))
