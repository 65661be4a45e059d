# SPDX-License-Identifier: MIT
"""What a debugger stops is not dead: neither the whole machine (QMP stop) nor one service (hold)."""
import time

import pytest
from conftest import Shell


def deaths(shell):
    return shell.run("deaths").strip()


@pytest.mark.seconds(6)
def test_stopped_machine(boot, small_disk):
    machine = boot("run", small_disk[0], monitor=True)
    shell = Shell(machine)
    before = deaths(shell)
    for _ in range(3):
        machine.monitor.command("stop")
        time.sleep(1.5)
        machine.monitor.command("cont")
        time.sleep(0.3)
    assert deaths(shell) == before
    assert "sizes" in shell.run("ls /")


def test_held_service(boot, small_disk):
    shell = Shell(boot("run", small_disk[0]))
    before = deaths(shell)
    shell.run("hold time")
    time.sleep(2)
    line = next(line for line in shell.run("ps").splitlines() if line.startswith("time"))
    assert "held" in line, line
    shell.run("release time")
    time.sleep(0.5)
    assert "20" in shell.run("date")
    assert deaths(shell) == before
