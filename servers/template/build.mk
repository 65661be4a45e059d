# SPDX-License-Identifier: MIT
$(eval $(call module,template,servers/template/main.c,interfaces rt,))
$(eval $(call host_test,template,servers/template/test/template_test.c servers/template/main.c \
    $(O)/gen/interfaces/template.server.c $(RT_TESTED),))
