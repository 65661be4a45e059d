# SPDX-License-Identifier: MIT
# MuJS without its shell. Each file is compiled by itself, as its own Makefile does for the shared library.
MUJS := third_party/mujs
MUJS_PARTS := jsarray jsboolean jsbuiltin jscompile jsdate jsdtoa jsdump jserror jsfunction jsgc jsintern jslex \
    jsmath jsnumber jsobject json jsparse jsproperty jsregexp jsrepr jsrun jsstate jsstring jsvalue regexp utf
MUJS_SOURCES := $(MUJS_PARTS:%=$(MUJS)/%.c)
# Before the sources are fetched, make must not ask for them.
$(MUJS_SOURCES): ;

$(eval $(call thirdparty_lib,libmujs,$(MUJS_SOURCES),-std=gnu11 -I$(MUJS)))
$(eval $(call module,mujs,$(addprefix servers/thirdparty/mujs/,interpreter.c main.c),libmujs interfaces rt libc,-isystem $(MUJS)))
