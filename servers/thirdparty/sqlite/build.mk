# SPDX-License-Identifier: MIT
# SQLite, from its separate source files, with what its own makefile generates by the package's own tools.
SQLITE := third_party/sqlite
SQLITE_GEN := $(O)/gen/sqlite

# One thread, no files: databases live in memory, and so do temporary tables and sorting. No time zones.
# The grammar must be made with the same options. SQLite's own stores of small memory (lookaside, the first pages of a cache)
# are off: the mover sees the heap's objects, and what is given out in the middle of a large one has no borders for it.
SQLITE_OPTIONS := -DSQLITE_OS_OTHER=1 -DSQLITE_THREADSAFE=0 -DSQLITE_TEMP_STORE=3 -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_DQS=0 \
    -DSQLITE_DEFAULT_LOOKASIDE=0,0 -DSQLITE_DEFAULT_PCACHE_INITSZ=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_LOCALTIME -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_WAL

SQLITE_GENERATED := $(addprefix $(SQLITE_GEN)/,parse.c opcodes.c)
SQLITE_MADE := $(SQLITE_GEN)/.made
$(SQLITE_MADE): $(SQLITE)/VERSION servers/thirdparty/sqlite/build.mk
	$(call say,GEN,$(SQLITE_GEN))
	$(Q)mkdir -p $(SQLITE_GEN)
	$(Q)for tool in lemon mkkeywordhash mksourceid; do \
	    $(CC) -w $(SQLITE_OPTIONS) -o $(SQLITE_GEN)/$$tool $(SQLITE)/tool/$$tool.c || exit 1; done
	$(Q)cp $(SQLITE)/src/parse.y $(SQLITE)/tool/lempar.c $(SQLITE_GEN)/
	$(Q)cd $(SQLITE_GEN) && ./lemon -s $(SQLITE_OPTIONS) -Tlempar.c parse.y > lemon.log
	$(Q)cd $(SQLITE_GEN) && ./mkkeywordhash > keywordhash.h
	$(Q)cd $(SQLITE_GEN) && tclsh $(CURDIR)/$(SQLITE)/tool/mksqlite3h.tcl $(CURDIR)/$(SQLITE) > sqlite3.h
	$(Q)cd $(SQLITE_GEN) && cat parse.h $(CURDIR)/$(SQLITE)/src/vdbe.c | tclsh $(CURDIR)/$(SQLITE)/tool/mkopcodeh.tcl > opcodes.h \
	    && tclsh $(CURDIR)/$(SQLITE)/tool/mkopcodec.tcl opcodes.h > opcodes.c
	$(Q)touch $@
$(SQLITE_GENERATED): $(SQLITE_MADE) ;
USER_PREREQUISITES += $(SQLITE_MADE)
HOST_PREREQUISITES += $(SQLITE_MADE)

SQLITE_PARTS := alter analyze attach auth backup bitvec btmutex btree build callback complete ctime date delete expr \
    fault fkey func global hash insert json legacy loadext main malloc mem1 memdb memjournal mutex notify os pager pcache \
    pcache1 pragma prepare printf random resolve rowset select status table threads tokenize treeview trigger \
    update upsert utf util vacuum vdbe vdbeapi vdbeaux vdbeblob vdbemem vdbesort vdbetrace vdbevtab vtab wal walker \
    where wherecode whereexpr window
SQLITE_SOURCES := $(SQLITE_PARTS:%=$(SQLITE)/src/%.c) $(SQLITE_GENERATED)
# Before the sources are fetched, make must not ask for them.
$(SQLITE_PARTS:%=$(SQLITE)/src/%.c) $(SQLITE)/VERSION: ;

TX_UNTYPED += $(SQLITE_GEN)/% # made from third-party sources

$(eval $(call thirdparty_lib,libsqlite,$(SQLITE_SOURCES),-std=gnu11 $(SQLITE_OPTIONS) -I$(SQLITE_GEN) -I$(SQLITE)/src))
$(eval $(call module,sqlite,$(addprefix servers/thirdparty/sqlite/,database.c main.c surroundings.c),libsqlite interfaces rt libc,\
    -isystem $(SQLITE_GEN)))
