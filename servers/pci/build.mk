# SPDX-License-Identifier: MIT
PCI_BUS := servers/pci/scan.c servers/pci/bars.c servers/pci/assign.c servers/pci/interrupt.c
$(eval $(call module,pci,$(PCI_BUS) servers/pci/main.c,rt interfaces,))
$(eval $(call host_test,pci,servers/pci/test/pci_test.c servers/pci/test/fake_bus.c $(PCI_BUS),))
