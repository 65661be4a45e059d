// SPDX-License-Identifier: MIT
// Enumeration, sizing and assignment over invented machines.
#include "servers/pci/test/fake_bus.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants the four above first
#include <cmocka.h>

static struct pci_list list, committed;
static jmp_buf death;

void fake_death(void)
{
    longjmp(death, 1);
}

void fake_commit(void *)
{
    committed = list;
}

static int start(void **)
{
    fake_reset();
    memset(&list, 0, sizeof list);
    committed = list;
    return 0;
}

static void size_all(void)
{
    for (uint32_t i = 0; i < list.count; i++) {
        pci_undo_probe(&fake_space, &list.function[i]);
        if (!list.function[i].sized) {
            pci_size_bars(&fake_space, &list.function[i]);
        }
    }
}

static void test_flat_bus(void **)
{
    struct fake_function *multi = fake_add(pci_address(0, 31, 0), 0x8086, 2, 0x060100);

    multi->config[PCI_HEADER_TYPE] = PCI_MULTIFUNCTION;
    fake_add(pci_address(0, 31, 3), 0x8086, 3, 0x0c0500);
    fake_add(pci_address(0, 2, 0), 0x1af4, 0x1042, 0x010000);
    fake_add(pci_address(0, 2, 1), 0x1af4, 0x1044, 0); // hidden: function 0 is alone
    assert_int_equal(pci_scan(&fake_space, &list), 0);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.function[0].address, pci_address(0, 2, 0));
    assert_int_equal(list.function[0].device, 0x1042);
    assert_int_equal(list.function[0].class_code, 0x010000);
    assert_int_equal(list.function[2].address, pci_address(0, 31, 3));
    assert_int_equal(list.function[2].parent, PCI_NO_PARENT);
}

static void test_bridges(void **)
{
    fake_bridge(pci_address(0, 1, 0), 1, 2);      // numbered by firmware
    fake_bridge(0x1000 + (4 << 3), 2, 2);         // behind it, too
    fake_add(0x2000 + (5 << 3), 0x1af4, 0x1042, 0x010000);
    fake_bridge(pci_address(0, 3, 0), 0, 0);      // left alone by firmware
    fake_add(0x4000 + (0 << 3), 0x1af4, 0x1044, 0);
    assert_int_equal(pci_scan(&fake_space, &list), 0);
    assert_int_equal(list.count, 5);
    assert_int_equal(list.function[2].address, pci_address(2, 5, 0));
    assert_int_equal(list.function[2].parent, 1);
    assert_int_equal(list.function[1].parent, 0);
    assert_int_equal(list.function[4].address, pci_address(3, 0, 0));
    assert_int_equal(fake.function[3].config[PCI_SECONDARY], 3);
    assert_int_equal(fake.function[3].config[PCI_SUBORDINATE], 3);
    assert_int_equal(list.last_bus, 3);
}

static void test_capabilities(void **)
{
    struct fake_function *f = fake_add(pci_address(0, 2, 0), 1, 2, 0x010000);

    f->config[PCI_STATUS] = PCI_STATUS_CAPABILITIES;
    f->config[PCI_CAPABILITIES] = 0x98;
    f->config[0x98] = PCI_CAP_MSI;
    f->config[0x99] = 0x40;
    f->config[0x9a] = 0x80;
    f->config[0x40] = PCI_CAP_MSIX;
    f->config[0x41] = 0x98; // a circle
    assert_int_equal(pci_find_capability(&fake_space, f->address, PCI_CAP_MSIX), 0x40);
    assert_int_equal(pci_find_capability(&fake_space, f->address, 0x77), 0);
    assert_int_equal(pci_capability_bytes(&fake_space, f->address, 0x98), 14);
    assert_int_equal(pci_capability_bytes(&fake_space, f->address, 0x40), 12);
    f->config[PCI_CAPABILITIES] = 0x04; // points into the header
    assert_int_equal(pci_find_capability(&fake_space, f->address, PCI_CAP_MSIX), 0);
}

static struct fake_function *disk_with_bars(void)
{
    struct fake_function *f = fake_add(pci_address(0, 2, 0), 0x1af4, 0x1042, 0x010000);

    f->bar_low[0] = 1; // I/O ports
    f->bar_mask[0] = 0xff80;
    f->config[PCI_BAR0] = 1;
    f->config[PCI_BAR0 + 1] = 0xc0;
    fake_bar(f, 1, 0x1000, 0xfeb01000, false);
    fake_bar(f, 2, 16ull << 30, 0x800000000, true); // larger than 32 bits
    fake_bar(f, 4, 0x4000, 0xfe000000, true);
    return f;
}

static void test_sizes(void **)
{
    struct fake_function *f = disk_with_bars(), before = *f;

    pci_scan(&fake_space, &list);
    size_all();
    const struct pci_bar *bar = list.function[0].bar;
    assert_int_equal(bar[0].kind, BAR_IO);
    assert_int_equal(bar[0].bytes, 0x80);
    assert_int_equal(bar[0].base, 0xc000);
    assert_int_equal(bar[1].kind, BAR_MEMORY32);
    assert_int_equal(bar[1].bytes, 0x1000);
    assert_int_equal(bar[1].base, 0xfeb01000);
    assert_int_equal(bar[2].kind, BAR_MEMORY64);
    assert_int_equal(bar[2].bytes, 16ull << 30);
    assert_int_equal(bar[2].base, 0x800000000);
    assert_int_equal(bar[3].kind, BAR_UPPER_HALF);
    assert_int_equal(bar[4].bytes, 0x4000);
    assert_memory_equal(before.config, f->config, sizeof f->config); // as if nothing had been
    assert_false(fake.decoding_during_probe);
}

// Death at each write of the sizing: the heir, with what was committed, finds the same sizes and leaves
// the same registers.
static void test_death_while_sizing(void **)
{
    volatile uint32_t deaths = 0;

    for (volatile uint32_t when = 1;; when++) {
        start(nullptr);
        struct fake_function *f = disk_with_bars(), before = *f;
        pci_scan(&fake_space, &list);
        fake_commit(nullptr);
        fake.writes = 0;
        fake.die_after = when;
        bool died = setjmp(death) != 0;
        if (!died) {
            size_all();
        }
        fake.die_after = 0;
        list = died ? committed : list;
        size_all();
        assert_memory_equal(before.config, fake.function[0].config, sizeof before.config);
        assert_int_equal(list.function[0].bar[2].bytes, 16ull << 30);
        assert_int_equal(list.function[0].bar[4].base, 0xfe000000);
        if (!died) {
            break;
        }
        deaths++;
    }
    assert_true(deaths > 10);
}

static uint64_t base_of(uint32_t i, uint32_t bar)
{
    return list.function[i].bar[bar].base;
}

static void assign(void)
{
    pci_scan(&fake_space, &list);
    size_all();
    pci_assign(&fake_space, &list, 0xe0000000, 0xfec00000, 0xfe800000, 0x100000);
}

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

static void test_assign(void **)
{
    struct fake_function *f = fake_add(pci_address(0, 2, 0), 1, 1, 0x010000);
    fake_bar(f, 0, 0x4000, 0, true);
    fake_bar(f, 2, 0x1000, 0, false);
    f = fake_add(pci_address(0, 3, 0), 1, 2, 0x020000);
    fake_bar(f, 0, 0x100000, 0xfeb00000, false); // firmware's, at the top
    fake_bar(f, 1, 0x1000000, 0, false);
    fake_bar(f, 2, 0x40000000, 0, false); // larger than the whole window
    assign();
    assert_int_equal(base_of(1, 0), 0xfeb00000);
    assert_int_equal(base_of(1, 2), 0);
    struct { uint64_t base, bytes; } all[] = {{base_of(0, 0), 0x4000}, {base_of(0, 2), 0x1000},
        {base_of(1, 0), 0x100000}, {base_of(1, 1), 0x1000000}, {0xfe800000, 0x100000}};
    for (int i = 0; i < 5; i++) {
        assert_true(all[i].base >= 0xe0000000 && all[i].base + all[i].bytes <= 0xfec00000);
        assert_int_equal(all[i].base % all[i].bytes, 0);
        for (int k = 0; k < i; k++) {
            assert_false(overlap(all[i].base, all[i].bytes, all[k].base, all[k].bytes));
        }
    }
    uint32_t low;
    memcpy(&low, fake.function[0].config + PCI_BAR0, 4);
    assert_int_equal(low & ~15u, base_of(0, 0)); // the device knows
}

static void test_assign_behind_bridges(void **)
{
    struct fake_function *open = fake_bridge(pci_address(0, 1, 0), 1, 1);
    uint16_t base = 0xfd00, limit = 0xfd10; // 2 MiB
    memcpy(open->config + PCI_MEMORY_BASE, &base, 2);
    memcpy(open->config + PCI_MEMORY_LIMIT, &limit, 2);
    fake_bar(fake_add(0x1000, 1, 1, 0x010000), 0, 0x4000, 0, false);
    struct fake_function *shut = fake_bridge(pci_address(0, 2, 0), 2, 2);
    base = 0xfff0;
    memcpy(shut->config + PCI_MEMORY_BASE, &base, 2);
    fake_bar(fake_add(0x3000, 1, 1, 0x010000), 0, 0x200000, 0, false);
    fake_bar(fake_add(pci_address(0, 4, 0), 1, 1, 0x010000), 0, 0x1000, 0, false);
    assign();
    assert_true(base_of(1, 0) >= 0xfd000000 && base_of(1, 0) + 0x4000 <= 0xfd200000);
    assert_int_not_equal(base_of(3, 0), 0);
    uint64_t opened =
        (uint64_t)(shut->config[PCI_MEMORY_BASE + 1] << 8 | shut->config[PCI_MEMORY_BASE]) << 16;
    assert_true(base_of(3, 0) >= opened); // the window was opened around it
    assert_false(
        overlap(base_of(4, 0), 0x1000, 0xfd000000, 0x200000)); // a window is not for others
    assert_false(overlap(base_of(4, 0), 0x1000, opened, 0x200000));
}

static void test_quiet_and_msix(void **)
{
    struct fake_function *f = disk_with_bars();
    uint32_t table = 0x800 | 1, bar, offset, entry[4] = {9, 9, 9, 9};

    f->config[PCI_STATUS] = PCI_STATUS_CAPABILITIES;
    f->config[PCI_CAPABILITIES] = 0x40;
    f->config[0x40] = PCI_CAP_MSIX;
    f->config[0x42] = 3; // four entries
    memcpy(f->config + 0x44, &table, 4);
    pci_scan(&fake_space, &list);
    size_all();
    struct pci_function *p = &list.function[0];
    assert_int_equal(pci_msix_entry(&fake_space, p, 3, &bar, &offset), OK);
    assert_int_equal(bar, 1);
    assert_int_equal(offset, 0x830);
    assert_int_equal(pci_msix_entry(&fake_space, p, 4, &bar, &offset), ERR_RANGE);
    f->config[0x44] = 0xf8 | 1; // runs over the end of its BAR
    f->config[0x45] = 0x0f;
    assert_int_equal(pci_msix_entry(&fake_space, p, 1, &bar, &offset), ERR_UNSUPPORTED);
    f->config[0x44] = 0; // in an I/O BAR
    assert_int_equal(pci_msix_entry(&fake_space, p, 0, &bar, &offset), ERR_UNSUPPORTED);
    f->config[0x44] = 7;
    assert_int_equal(pci_msix_entry(&fake_space, p, 0, &bar, &offset), ERR_UNSUPPORTED);

    pci_msix_write(entry, 0x1fee00000, 0x31);
    assert_int_equal(entry[0], 0xfee00000);
    assert_int_equal(entry[1], 1);
    assert_int_equal(entry[2], 0x31);
    assert_int_equal(entry[3], 0);
    pci_msix_enable(&fake_space, p, true);
    assert_int_equal(f->config[0x43], 0x80);
    pci_quiet(&fake_space, p);
    assert_int_equal(f->config[0x43], 0);
    assert_int_equal(f->config[PCI_COMMAND] & PCI_COMMAND_MASTER, 0);
    assert_int_equal(f->config[PCI_COMMAND + 1] & 4, 4); // no old-style interrupt
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_flat_bus, start),
        cmocka_unit_test_setup(test_bridges, start),
        cmocka_unit_test_setup(test_capabilities, start),
        cmocka_unit_test_setup(test_sizes, start),
        cmocka_unit_test_setup(test_death_while_sizing, start),
        cmocka_unit_test_setup(test_assign, start),
        cmocka_unit_test_setup(test_assign_behind_bridges, start),
        cmocka_unit_test_setup(test_quiet_and_msix, start),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
