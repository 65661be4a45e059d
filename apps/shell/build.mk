# SPDX-License-Identifier: MIT
$(eval $(call host_test,shell_edit,apps/shell/test/edit_test.c apps/shell/edit.c apps/shell/history.c))
$(eval $(call host_test,shell_parse,apps/shell/test/parse_test.c apps/shell/parse.c))
