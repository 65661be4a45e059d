# SPDX-License-Identifier: MIT
# Compiler passes: plugins for $(CC) and $(LD). UNDO_LOG_FLAGS compiles something with the undo log; the plugin
# has to be loaded twice, because clang reads -mllvm options before it loads what -fpass-plugin names.
LLVM_CXXFLAGS := -std=c++17 -O2 -g0 -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden -isystem /usr/lib/llvm-19/include -I. \
    $(WARNINGS) -Wno-unused-parameter
# Reading the headers of LLVM, and what they instantiate, is three quarters of what a pass takes to compile.
PASS_HEADERS := $(O)/obj/passes/llvm.pch

$(PASS_HEADERS): randomizer/passes/llvm.h randomizer/passes/build.mk mk/toolchain.mk
	@mkdir -p $(@D)
	$(call say,CXX,$@)
	$(Q)$(CXX) $(LLVM_CXXFLAGS) -fpch-instantiate-templates -x c++-header -o $@ $<

# compiler_pass,NAME,PARTS: one plugin from the sources and headers of its parts
define compiler_pass
$(2:%=$(O)/obj/passes/%.o): $(O)/obj/passes/%.o: randomizer/passes/%.cpp $(wildcard randomizer/passes/*.h) \
    lib/rt/undo_log.h randomizer/mover/type_map_format.h $(PASS_HEADERS)
	@mkdir -p $$(@D)
	$$(call say,CXX,$$@)
	$(Q)$$(CXX) $$(LLVM_CXXFLAGS) -include-pch $$(PASS_HEADERS) -c -o $$@ $$<
$(O)/passes/$(1).so: $(2:%=$(O)/obj/passes/%.o)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$$(CXX) -shared -o $$@ $$^
ALL_TARGETS += $(O)/passes/$(1).so
endef
$(eval $(call compiler_pass,undo_log,undo_log undo_writes undo_transactions undo_program undo_function undo_loops undo_room undo_emit))
$(eval $(call compiler_pass,type_map,type_map type_tree pointer_check))

UNDO_LOG_PLUGIN := $(O)/passes/undo_log.so
UNDO_LOG_FLAGS := -fplugin=$(UNDO_LOG_PLUGIN) -fpass-plugin=$(UNDO_LOG_PLUGIN) -DUNDO_LOGGED
UNDO_LOG_PLAIN := -fplugin=$(UNDO_LOG_PLUGIN) -fpass-plugin=$(UNDO_LOG_PLUGIN) -mllvm -undo-log-plain

# Type maps. TYPE_MAP_FLAGS compiles something with maps; with TYPE_MAP_UNTYPED behind
# it, third-party sources, whose memory is scanned and of which nothing is refused.
TYPE_MAP_PLUGIN := $(O)/passes/type_map.so
TYPE_MAP_FLAGS := -fplugin=$(TYPE_MAP_PLUGIN) -fpass-plugin=$(TYPE_MAP_PLUGIN)
TYPE_MAP_UNTYPED := -mllvm -samsara-untyped

$(eval $(call host_test,undo_log,lib/rt/test/undo_log_test.c lib/rt/undo_log.c,))
