# SPDX-License-Identifier: MIT
"""Booting: to the shell with 1 and 2 CPUs and various memory sizes, from ISO by BIOS and UEFI, repeatably by seed."""
import re

import pytest
from conftest import Shell, assert_clean

from tools.samsara import BUILD, image


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_to_shell_and_off(boot, small_disk, cpus):
    machine = boot("run", small_disk[0], cpus=cpus)
    shell = Shell(machine)
    assert "blk" in shell.run("ps")
    assert shell.power_off() == 0
    assert_clean(small_disk[0])


@pytest.mark.parametrize("memory", [256, 3072, 5120])
def test_memory_sizes(boot, small_disk, memory):
    shell = Shell(boot("run", small_disk[0], memory=memory))
    assert "sizes" in shell.run("ls /")


@pytest.mark.parametrize("firmware", [None, "/usr/share/OVMF/OVMF_CODE.fd"], ids=["bios", "uefi"])
@pytest.mark.seconds(4)
def test_iso(boot, small_disk, tmp_path, firmware):
    iso = tmp_path / "samsara.iso"
    image.make(BUILD / "images" / "run.cpio", iso)
    shell = Shell(boot("run", small_disk[0], iso=iso, firmware=firmware), timeout=120)
    assert "sizes" in shell.run("ls /")
    assert shell.power_off() == 0


def births(machine):
    """Layout seeds of the first births, in the order in which rs drew them."""
    said = bytes(machine.events.seen).decode(errors="replace")
    return tuple(re.findall(r'"ev":"birth","service":"(\w+)".*?"seed":"(\w+)"', said)[:4])


def test_fixed_seed_repeats_layouts_and_no_seed_does_not(boot, small_disk):
    seen = []
    for options in ({"seed": 0x1234}, {"seed": 0x1234}, {}, {}):
        machine = boot("run", small_disk[0], icount=True, **options)
        Shell(machine)
        machine.events.wait_for('"entropy"', 30)
        seen.append(births(machine))
        machine.kill()
    assert len(seen[0]) == 4 and seen[0] == seen[1]
    assert len(set(seen)) == 3, seen
