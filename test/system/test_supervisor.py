# SPDX-License-Identifier: MIT
"""The supervisor on the machine: every way to die, rights, giving up and reviving, holding."""
import re
import time

import pytest
from conftest import Shell


@pytest.mark.parametrize("cpus", [1, 2])
def test_every_way_to_die_is_told_apart(boot, cpus):
    machine = boot("test-deaths", cpus=cpus, memory=128)
    assert machine.wait(60) == 0, machine.kernel_log()[-1500:]
    said = machine.kernel_log()
    verdict = re.search(r"examined: (\d+) checks, (\d+) failed", said)
    assert verdict and int(verdict[1]) > 80 and verdict[2] == "0", \
        "\n".join(line for line in said.splitlines() if "BAD" in line)


def row(shell, service):
    return next(line for line in shell.run("ps").splitlines() if line.split()[:1] == [service])


def wait_for(shell, service, words, timeout=30):
    limit = time.monotonic() + timeout
    while words not in row(shell, service):
        assert time.monotonic() < limit, row(shell, service)
        time.sleep(0.1)


def test_a_service_without_its_device_is_given_up_loudly_and_can_be_revived(boot):
    machine = boot("run", None)
    shell = Shell(machine)
    wait_for(shell, "blk", "given up")
    log = machine.kernel_log()
    assert "blk is given up: 8 lives in a row were of no use" in log
    times = [float(line[1:line.index("]")]) for line in log.splitlines() if re.search(r"blk\[\d+\] died", line)]
    assert len(times) == 8
    pauses = [after - before for before, after in zip(times, times[1:])]
    assert pauses[-1] > 4 * pauses[1]  # the back-off grows
    shell.run("restart blk")  # nothing has changed, so it is given up again, after as many tries
    limit = time.monotonic() + 30
    while len(re.findall(r"blk is given up", machine.kernel_log())) < 2:
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert "ready" in row(shell, "console")


@pytest.mark.seconds(5)
def test_a_held_service_is_not_dead(boot, small_disk):
    shell = Shell(boot("run", small_disk[0]))
    shell.run("hold time")
    time.sleep(3)
    assert "held" in row(shell, "time") and "died" not in shell.machine.kernel_log()
    shell.run("release time")
    wait_for(shell, "time", "ready")
    time.sleep(1)
    assert row(shell, "time").split()[2] == "1"  # still its first life


def test_silence_is_found_out(boot, small_disk):
    shell = Shell(boot("run", small_disk[0]))
    shell.run("hang time")
    wait_for(shell, "time", "hang")
    wait_for(shell, "time", "ready")
    record = shell.run("deaths time")
    assert "pings in a row were not answered" in record
    assert "serve_forever+0x" in record and "start_service+0x" in record and "layout seed: " in record
