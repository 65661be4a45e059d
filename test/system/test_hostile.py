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
