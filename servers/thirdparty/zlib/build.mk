# SPDX-License-Identifier: MIT
# zlib without what reads and writes files.
ZLIB := third_party/zlib
ZLIB_SOURCES := $(addprefix $(ZLIB)/,adler32.c crc32.c deflate.c inffast.c inflate.c inftrees.c trees.c zutil.c)
# Before the sources are fetched, make must not ask for them.
$(ZLIB_SOURCES): ;

$(eval $(call thirdparty_lib,libz,$(ZLIB_SOURCES),-std=gnu11 -I$(ZLIB)))
$(eval $(call module,zlib,$(addprefix servers/thirdparty/zlib/,compressor.c main.c),libz interfaces rt libc,-isystem $(ZLIB)))
