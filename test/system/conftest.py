# SPDX-License-Identifier: MIT
"""What the system tests share: machines that are always ended, a shell to type at, disks."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.samsara import BUILD, disk, qemu  # noqa: E402

PROMPT = b"samsara:"


class Shell:
    """The console of a booted machine: a command in, its output out."""

    def __init__(self, machine, timeout=60):
        self.machine = machine
        self.at = machine.console.wait_for(PROMPT, timeout)

    def run(self, line, timeout=60):
        """Types one line; returns what was printed until the next prompt, without the echo."""
        self.machine.console.write(line.encode() + b"\r")
        start = self.machine.console.wait_for(b"\n", timeout, self.at)
        self.at = self.machine.console.wait_for(PROMPT, timeout, start)
        text = bytes(self.machine.console.seen[start:self.at - len(PROMPT)]).decode(errors="replace")
        return text.replace("\r\n", "\n").replace("\x1b[K", "")

    def power_off(self, timeout=30):
        """Ends the machine in order; returns QEMU's exit code."""
        self.machine.console.write(b"poweroff\r")
        code = self.machine.wait(timeout)
        assert code is not None, "the machine did not power off\n" + self.machine.kernel_log()[-1500:]
        return code


@pytest.fixture
def boot(tmp_path, request):
    """boot(image, disk, **options) starts a machine; all are ended after the test, their logs shown if it failed."""
    machines = []

    def start(image="run", disk_path=None, **options):
        options.setdefault("accel", "tcg")
        machine = qemu.Machine(BUILD / "images" / f"{image}.cpio", disk_path,
                               debug_log=str(tmp_path / f"kernel-{len(machines)}.log"), **options)
        machines.append(machine)
        return machine

    yield start
    failed = getattr(request.node, "failed", False)
    for machine in machines:
        machine.kill()
        if failed:
            log = machine.kernel_log()
            print(f"--- kernel log of {' '.join(machine.command[:8])} …\n{log[-4000:]}")
            unasked = [line for line in log.splitlines() if " died: " in line and "by command" not in line]
            print("--- deaths that nobody had ordered\n" + "\n".join(unasked[:40]))
            if machine.console:
                print(f"--- console\n{bytes(machine.console.seen[-3000:]).decode(errors='replace')}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


@pytest.fixture
def small_disk(tmp_path):
    """(path, {file: SHA-256}) of a disk with 60 files."""
    path = tmp_path / "disk.img"
    return path, disk.make(path, seed=11, mib=64, tree_files=60, big_mib=2)


def assert_clean(path):
    clean, said = disk.check(path)
    assert clean, said


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="long campaigns in full, not a sample of them")


@pytest.fixture
def quick(request):
    """True where only a sample of a long campaign shall run."""
    return not request.config.getoption("--long")
