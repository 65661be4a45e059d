# SPDX-License-Identifier: MIT
SHELL_SOURCES := before commands complete edit files_read files_write history main output parse rs services system term words
$(eval $(call module,shell,$(SHELL_SOURCES:%=apps/shell/%.c),apps trace interfaces rt libc,-D_GNU_SOURCE))

$(eval $(call host_test,shell_edit,apps/shell/test/edit_test.c apps/shell/edit.c apps/shell/history.c))
$(eval $(call host_test,shell_parse,apps/shell/test/parse_test.c apps/shell/parse.c))
