# SPDX-License-Identifier: MIT
"""State in files: written by the shell, put in again, also after the machine was started anew."""
import re

from conftest import Shell, assert_clean


def held(machine, after=0, timeout=30):
    """What the watcher of the image says last that the hoard holds, from that place of the log on."""
    assert machine.await_log(r"holds: ", timeout), machine.kernel_log()[-2000:]
    return re.findall(r"holds: (\d+) objects after (\d+) changes, sum (\S+)", machine.kernel_log()[after:])


def test_across_a_restart_of_the_machine(boot, small_disk):
    path, _ = small_disk
    machine = boot("checkpoint", path, memory=256, append="watch=1 objects=900")
    shell = Shell(machine)
    before = held(machine)[-1]
    assert int(before[0]) == 900
    assert shell.run("rs checkpoint moved > /moved.ckpt") == ""
    assert shell.run("rs checkpoint fs > /fs.ckpt") == ""
    assert re.search(r"moved.ckpt.*\n.*size +\d{5,}|\d{5,}", shell.run("stat /moved.ckpt"))
    assert shell.power_off() == 0
    machine = boot("checkpoint", path, memory=256, append="watch=1 objects=0")
    shell = Shell(machine)
    assert held(machine)[-1] != before
    assert "moved is restored" in shell.run("rs restore moved /moved.ckpt")
    assert machine.await_log(f"holds: 900 objects after {before[1]} changes, sum {before[2]}", 20)
    assert shell.run("write /later this is newer than the checkpoint") == ""
    assert "fs is restored" in shell.run("rs restore fs /fs.ckpt")
    assert shell.run("cat /later") == "this is newer than the checkpoint\n"
    assert shell.run("write /more and it goes on") == ""
    assert shell.power_off() == 0
    assert_clean(path)


def test_wrong_files_are_refused(boot, small_disk):
    path, _ = small_disk
    machine = boot("checkpoint", path, memory=256, append="watch=1 objects=300")
    shell = Shell(machine)
    before = held(machine)[-1]
    shell.run("rs checkpoint moved > /good")
    shell.run("rs checkpoint fs > /of_fs")
    shell.run("cp /good /long")
    shell.run("append /long a line too much")
    shell.run("cp /good /short")
    shell.run("truncate /short 9000")
    shell.run("write /text " + 12 * "nochkpnt")
    at = len(machine.kernel_log())
    for name in ("long", "short", "text"):
        assert f"/{name} is no checkpoint, or a damaged one; moved goes on as it is" in shell.run(f"rs restore moved /{name}")
    assert "of another program" in shell.run("rs restore moved /of_fs")
    assert "there are no checkpoints of console" in shell.run("rs restore console /good")
    assert "there are no checkpoints of console" in shell.run("rs checkpoint console")
    assert "no checkpoint of blk: what it knows is bound to this life" in shell.run("rs checkpoint blk")
    assert "died" not in machine.kernel_log()[at:]
    assert held(machine)[-1] == before
    assert shell.power_off() == 0


def test_files_stay_open(boot, small_disk):
    """fs is restored while one reads, writes: what was written after the checkpoint is there."""
    path, _ = small_disk
    machine = boot("checkpoint", path, memory=256, append="watch=1 objects=0")
    shell = Shell(machine)
    shell.run("write /a one")
    shell.run("rs checkpoint fs > /fs.ckpt")
    shell.run("write /a two")
    shell.run("mkdir /new")
    shell.run("write /new/b three")
    for _ in range(3):
        assert "fs is restored" in shell.run("rs restore fs /fs.ckpt")
        assert shell.run("cat /a /new/b") == "two\nthree\n"
    assert shell.power_off() == 0
    assert_clean(path)
