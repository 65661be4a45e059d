# SPDX-License-Identifier: MIT
"""Every system call with hostile arguments, at 1 and 2 CPUs: the kernel lives, the others work on."""
import re
import time

import pytest
from conftest import Shell, assert_clean


@pytest.mark.parametrize("cpus", [1, 2])
def test_hostile_system_calls(boot, small_disk, cpus, quick):
    path, planted = small_disk
    machine = boot("hostile", path, cpus=cpus)
    shell = Shell(machine)
    limit, wanted = time.monotonic() + 120, 5 if quick else 40
    rounds = 0
    while time.monotonic() < limit and rounds < wanted:
        time.sleep(0.5)
        machine.console.read()
        assert machine.running(), machine.kernel_log()[-3000:]
        rounds = len(re.findall("hostile: begins", machine.kernel_log()))
    assert rounds >= wanted, f"only {rounds} incarnations"
    assert "PANIC" not in machine.kernel_log().upper()
    assert shell.run("sha256sum /big.bin").split()[0] == planted["/big.bin"]
    assert shell.power_off() == 0
    assert_clean(path)


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.seconds(12)
def test_threads_against_each_other(boot, small_disk, cpus, quick):
    path, planted = small_disk
    machine = boot("storm", path, cpus=cpus)
    shell = Shell(machine)
    limit, wanted = time.monotonic() + 60, 5 if quick else 20
    held = []
    while time.monotonic() < limit and len(held) < wanted:
        time.sleep(0.5)
        machine.console.read()
        assert machine.running(), machine.kernel_log()[-3000:]
        held = re.findall(r"storm: begins with (tasks .*) free (\d+)", machine.kernel_log())
    assert len(held) >= wanted, f"only {len(held)} incarnations"
    assert sum(map(int, re.findall(r"storm: (\d+) actions", machine.kernel_log()))) > 1000 * wanted / 5
    assert "PANIC" not in machine.kernel_log().upper()
    # Nothing of any incarnation is left: neither objects nor, but for caches that fill up, pages.
    assert {objects for objects, _ in held} == {held[0][0]}
    assert int(held[1][1]) - int(held[-1][1]) < 128
    assert shell.run("sha256sum /big.bin").split()[0] == planted["/big.bin"]
    assert shell.power_off() == 0
    assert_clean(path)
