# SPDX-License-Identifier: MIT
# The program that asks three libraries in the system, and the same run on the host.
THIRDPARTY_COURSES := $(addprefix apps/thirdparty/,content.c mujs.c programs.c run.c show.c sqlite.c text.c zlib.c)
$(eval $(call module,thirdparty,$(THIRDPARTY_COURSES) apps/thirdparty/main.c apps/thirdparty/services.c \
    apps/workload/report.c,apps interfaces rt libc,))

$(eval $(call host_tool,thirdparty-reference,$(THIRDPARTY_COURSES) apps/thirdparty/test/reference.c apps/lib/json.c \
    apps/lib/sha256.c servers/thirdparty/mujs/interpreter.c servers/thirdparty/sqlite/database.c \
    servers/thirdparty/sqlite/surroundings.c servers/thirdparty/zlib/compressor.c,\
    -isystem third_party/mujs -isystem $(O)/gen/sqlite -isystem third_party/zlib))
$(O)/tools/thirdparty-reference: private CC := $(CC) -lm
$(O)/tools/thirdparty-reference: $(O)/host/libmujs.a $(O)/host/libsqlite.a $(O)/host/libz.a
