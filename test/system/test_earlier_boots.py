# SPDX-License-Identifier: MIT
"""The supervisor's log outlives a restart of the machine, however that comes about."""
import re
import time

import pytest
from conftest import Shell, assert_clean

from tools.samsara import BUILD, image

UEFI = "/usr/share/OVMF/OVMF_CODE.fd"


class Restart:
    """with Restart(shell): what restarts the machine. Afterwards the shell is that of the next boot."""

    def __init__(self, shell):
        self.shell = shell

    def boots(self):
        return self.shell.machine.kernel_log().count("kernel up:")

    def __enter__(self):
        self.before = self.boots()

    def __exit__(self, kind, *_):
        if kind is not None:
            return
        limit = time.monotonic() + 120
        while self.boots() == self.before:
            assert time.monotonic() < limit, "the machine did not restart"
            self.shell.machine.console.read()
            time.sleep(0.01)
        self.shell.at = self.shell.machine.console.wait_for("samsara:", 120, len(self.shell.machine.console.seen))


def reboot(shell):
    with Restart(shell):
        shell.machine.console.write(b"reboot\r")


@pytest.mark.parametrize("cpus", [1, 2])
def test_a_service_for_which_the_machine_is_restarted(boot, cpus):
    machine = boot("restart", cpus=cpus, memory=128, restarts=True)
    assert machine.wait(60) == 0, machine.kernel_log()[-1500:]
    said = machine.kernel_log()
    assert re.search(r"boot 2, the machine was restarted: hopeless, rung 7: assert: .*no boot before", said), said[-1500:]
    verdict = re.search(r"examined: (\d+) checks, (\d+) failed", said)
    assert verdict and verdict[2] == "0", "\n".join(line for line in said.splitlines() if "BAD" in line)


@pytest.mark.parametrize("options", [{"memory": 256}, {"memory": 512, "cpus": 2}, {"memory": 5120}],
                         ids=["256M", "two processors", "5G"])
def test_reboot_by_command(boot, small_disk, options):
    shell = Shell(boot("run", small_disk[0], restarts=True, **options))
    assert "nothing is known of that boot" in shell.run("before")
    shell.run("kill blk null")
    shell.run("ls")
    past = shell.run("trace past")
    reboot(shell)
    assert re.search(r"rs +1 +restarted +reboot, by shell", shell.run("trace past"))
    before = shell.run("before")
    lost = set(past.splitlines()) - set(before.splitlines())
    assert not lost, "\n".join(lost) + "\n--- is not in\n" + before
    assert re.search(r"blk +\d+ +command +kill null, by shell", before)
    assert re.search(r"blk +\d+ +died +exception: page fault: .* at \w+\+", before)
    assert re.search(r"rs +1 +command +reboot, by shell", before)
    number = re.search(r"\n +(\d+) +\d+ ms +blk ", before)[1]
    record = shell.run(f"before 1 {number}")
    assert re.search(r": blk\[1\].*page fault", record) and re.search(r"layout seed: [0-9a-f]{64}\n", record)
    assert "there is no such death record" in shell.run("before 1 99")
    # A boot later it is two boots ago; what is older than three is gone.
    for age in (2, 3):
        reboot(shell)
        assert "kill null, by shell" in shell.run(f"before {age}")
        assert "kill null, by shell" not in shell.run("before")
    reboot(shell)
    assert "kill null" not in shell.run("before 3")
    assert shell.power_off() == 0
    assert_clean(small_disk[0])


# OVMF waits half a minute for the CD after each restart, so one must do there.
@pytest.mark.parametrize("firmware, memory, restarts", [(None, 256, 2), (None, 512, 2), (UEFI, 256, 1)],
                         ids=["bios, 256M", "bios, 512M", "uefi, 256M"])
@pytest.mark.seconds(50)
def test_through_firmware_and_loader(boot, small_disk, tmp_path, firmware, memory, restarts):
    """All of them use memory before the kernel says what shall be left alone."""
    iso = tmp_path / "samsara.iso"
    image.make(BUILD / "images" / "run.cpio", iso)
    shell = Shell(boot("run", small_disk[0], iso=iso, firmware=firmware, memory=memory, restarts=True), timeout=120)
    for number in range(2, 2 + restarts):
        shell.run("kill blk null")
        reboot(shell)
        assert f"boot {number}, the machine was restarted: reboot, by shell" in shell.machine.kernel_log()
        before = shell.run("before")
        assert re.search(r"blk +\d+ +died +exception: page fault", before), before


def test_a_reset_that_nobody_foresaw(boot, small_disk):
    shell = Shell(boot("run", small_disk[0], restarts=True, monitor=True))
    shell.run("kill blk null")
    time.sleep(0.5)
    with Restart(shell):
        shell.machine.monitor.command("system_reset")
    assert "boot 2, the machine was restarted: nobody has said why" in shell.machine.kernel_log()
    assert re.search(r"blk +\d+ +died +exception: page fault", shell.run("before"))


def test_a_kernel_panic(boot, small_disk):
    shell = Shell(boot("run", small_disk[0], restarts=True, monitor=True, append="panic=restart"))
    shell.run("kill blk null")
    time.sleep(0.5)
    with Restart(shell):
        shell.machine.monitor.command("human-monitor-command", **{"command-line": "mce 0 0 0xbe00000000000000 0 0 0"})
    assert "KERNEL PANIC: exception in the kernel" in shell.machine.kernel_log()
    assert "restarted: kernel panic: exception in the kernel" in shell.machine.kernel_log()
    assert re.search(r"blk +\d+ +died +exception: page fault", shell.run("before"))


def test_the_supervisor_dies_in_between(boot, small_disk):
    """Its heirs go on with the log where it was."""
    shell = Shell(boot("run", small_disk[0], restarts=True), 120)
    for way in ("null", "now", "exit"):
        shell.run(f"kill rs {way}", 120)
        shell.run("kill twin null", 120)
        time.sleep(0.5)
        shell.run("kill blk null", 120)
    time.sleep(1)
    reboot(shell)
    before = shell.run("before")
    for service in ("blk", "twin"):
        deaths = re.findall(rf"{service} +(\d+) +died +exception: page fault", before)
        assert deaths == ["1", "2", "3"], before
