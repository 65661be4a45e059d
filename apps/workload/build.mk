# SPDX-License-Identifier: MIT
$(eval $(call module,workload,$(addprefix apps/workload/,main.c report.c run.c tree.c work.c),\
    apps interfaces rt libc,-D_GNU_SOURCE))
