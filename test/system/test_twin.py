# SPDX-License-Identifier: MIT
"""The supervisor dies like everybody else: its twin brings it back, and it brings the twin back. Nothing is lost."""
import json
import os
import re
import subprocess
import sys
import time

import pytest
from conftest import Shell

from tools.samsara import ROOT

KILLS = int(os.environ.get("SAMSARA_TWIN_KILLS", "100"))  # 1000 is the bar of the project
SAMPLE = 24
WAYS = ("null", "jump", "loop", "assert", "exit", "now", "silence")


def row(shell, service):
    return next(line for line in shell.run("ps", 120).splitlines() if line.split()[:1] == [service])


def incarnation(shell, service):
    return int(row(shell, service).split()[2])


def wait_for_life(shell, service, number, timeout=120):
    """Until it is ready in its number-th life."""
    limit = time.monotonic() + timeout
    while True:
        fields = row(shell, service).split()
        if fields[1] == "ready" and int(fields[2]) >= number:
            return
        assert time.monotonic() < limit, f"{fields} while waiting for {service}[{number}]"
        time.sleep(0.1)


def kill(shell, service, way):
    number = incarnation(shell, service)
    said = shell.run(f"kill {service} {way}", 120)
    assert "ERR" not in said and "cannot" not in said, said
    wait_for_life(shell, service, number + 1)


@pytest.mark.parametrize("cpus", [1, 2])
def test_each_revives_the_other_in_every_way_to_die(boot, small_disk, cpus):
    shell = Shell(boot("run", small_disk[0], cpus=cpus), 120)
    before = {name: incarnation(shell, name) for name in ("console", "pci", "fs")}
    for way in WAYS:
        kill(shell, "rs", way)
        kill(shell, "twin", way)
    # Those that both look after have not noticed: rs came back with what it knew of them.
    if cpus == 1:
        assert {name: incarnation(shell, name) for name in before} == before
    record = shell.run("deaths rs 0", 120)
    assert "rs[" in record and "layout seed: " in record and "decision: rebirth at once, with its state" in record, record
    kill(shell, "blk", "null")  # and it still does its work
    assert shell.power_off(120) == 0


@pytest.mark.seconds(5)
def test_no_handle_and_no_memory_is_lost(boot, small_disk):
    shell = Shell(boot("run", small_disk[0]), 120)

    def figures(service):
        lines = shell.run("ps -l", 120).splitlines()
        at = next(i for i, line in enumerate(lines) if line.split()[:1] == [service])
        return int(re.search(r"(\d+) handles", lines[at + 1])[1]), lines[at].split()

    for way in ("null", "now"):
        kill(shell, "rs", way)
        kill(shell, "twin", way)
    time.sleep(1)
    before = {name: figures(name)[0] for name in ("rs", "twin")}
    for _ in range(10):
        kill(shell, "rs", "now")
        kill(shell, "twin", "now")
    time.sleep(1)
    after = {name: figures(name)[0] for name in ("rs", "twin")}
    for name in before:
        assert abs(after[name] - before[name]) <= 4, (before, after)  # a spare, a corpse more or less


def test_a_planned_move_of_both(boot, small_disk):
    shell = Shell(boot("run", small_disk[0]), 120)
    for service in ("rs", "twin", "rs"):
        number = incarnation(shell, service)
        shell.run(f"rs move {service}", 120)
        wait_for_life(shell, service, number + 1)
    log = shell.machine.kernel_log()
    assert not re.search(r"(rs|twin)\[\d+\] died", log), log[-1500:]


def test_the_supervisor_is_not_begun_afresh(boot, small_disk):
    shell = Shell(boot("run", small_disk[0]), 120)
    assert "restart" not in shell.machine.kernel_log()
    shell.run("restart rs", 120)
    shell.run("restart twin", 120)  # the twin can be: all that it must know is the supervisor's place
    wait_for_life(shell, "twin", 2)
    kill(shell, "rs", "null")
    kill(shell, "twin", "null")
    assert incarnation(shell, "rs") == 2


@pytest.mark.parametrize("way, other", [("rs", "blk"), ("rs", "fs"), ("rs", "twin"), ("fs", "blk"), ("twin", "rs")])
@pytest.mark.processors(2)
def test_overlapping_deaths(boot, small_disk, way, other):
    """The second one dies while the first one's death, or its rebirth, is being dealt with."""
    shell = Shell(boot("run", small_disk[0], cpus=2), 120)
    first, second = incarnation(shell, way), incarnation(shell, other)
    for pause in (0, 0.005, 0.02):
        shell.machine.console.write(f"kill {way} null; kill {other} null\r".encode())
        time.sleep(pause)
    shell.machine.console.write(b"echo all typed\r")
    at = shell.machine.console.wait_for("\nall typed", 120, shell.at)
    shell.at = shell.machine.console.wait_for("samsara:", 120, at)
    wait_for_life(shell, way, first + 1)
    wait_for_life(shell, other, second + 1)
    assert shell.run("ls", 120).strip()
    assert shell.power_off(120) == 0


def demo(tmp_path, services, kills, cpus, every=150, timeout=3000):
    report = tmp_path / "result.json"
    done = subprocess.run([sys.executable, "-m", "tools.samsara", "demo", "--plain", "--kills", str(kills), "--every", str(every),
                           "--service", services, "--cpus", str(cpus), "--accel", "tcg",
                           "--folder", str(tmp_path), "--json", str(report)], cwd=ROOT,
                          capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return json.loads(report.read_text())


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.seconds(27)
def test_the_supervisor_dies_while_drivers_and_files_do(tmp_path, cpus, quick):
    """rs every other time, the disk driver, the file system and the twin in between: nothing is lost."""
    kills = SAMPLE if quick else KILLS
    result = demo(tmp_path, "rs,blk,rs,fs,rs,twin", 2 * kills, cpus)
    assert result["ok"] and result["client_errors"] == 0
    assert result["deaths_by_service"]["rs"] >= kills * 0.9
