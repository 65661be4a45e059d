# SPDX-License-Identifier: MIT
$(eval $(call module,conductor,$(addprefix apps/conductor/,channel.c host_command.c main.c orders.c supervisor.c),\
    apps interfaces rt libc,))
$(eval $(call host_test,conductor,apps/conductor/test/host_command_test.c apps/conductor/host_command.c))
