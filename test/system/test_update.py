# SPDX-License-Identifier: MIT
"""`rs update SERVICE FILE`: a module out of a file, into a service that is at work; and back."""
import re
import time

import pytest
from conftest import Shell, assert_clean

from tools.samsara import BUILD, disk


def add_modules(path, *names):
    """Writes modules of the build into the disk's root directory, without their debug information."""
    for name in names:
        disk.put(path, BUILD / "modules" / f"{name}.mod", f"/{name}.mod")


@pytest.mark.seconds(6)
def test_the_file_service_and_back(boot, small_disk):
    path, planted = small_disk
    add_modules(path, "fs", "fs_next")
    machine = boot("checkpoint", path, memory=256, append="watch=1 objects=0")
    shell = Shell(machine)
    some = [name for name in planted if not name.startswith("/work")][:4]
    for round, module in enumerate(("fs_next", "fs", "fs_next")):
        assert shell.run(f"write /written{round} before") == ""  # not on the disk yet
        assert re.search(r"fs runs fs:\d+", shell.run(f"rs update fs /{module}.mod")), machine.kernel_log()[-2000:]
        assert shell.run(f"cat /written{round}") == "before\n"
        for name in some:
            assert planted[name] in shell.run(f"sha256sum {name}")
        assert shell.run(f"mkdir /made{round}") == ""
        shell.run("cp -r " + some[0] + f" /made{round}/copy")
        assert planted[some[0]] in shell.run(f"sha256sum /made{round}/copy")
        time.sleep(1.5)  # until the version has proven itself
    assert "died" not in machine.kernel_log()
    assert shell.run("rs checkpoint fs > /fs.ckpt") == ""  # of the module that came from a file
    assert "fs is restored" in shell.run("rs restore fs /fs.ckpt")
    assert shell.power_off() == 0
    assert_clean(path)


@pytest.mark.seconds(5)
def test_files_are_used_meanwhile(boot, small_disk):
    path, _ = small_disk
    add_modules(path, "fs", "fs_next")
    machine = boot("checkpoint", path, memory=256, append="files=1")
    shell = Shell(machine)
    for module in ("fs_next", "fs", "fs_next", "fs"):
        at = len(machine.kernel_log())
        assert "fs runs fs:" in shell.run(f"rs update fs /{module}.mod", 120)
        limit = time.monotonic() + 60
        while time.monotonic() < limit and len(re.findall(r"files: \d+ rounds, 0 wrong", machine.kernel_log()[at:])) < 4:
            time.sleep(0.2)
        assert len(re.findall(r"files: \d+ rounds, 0 wrong", machine.kernel_log()[at:])) >= 4, machine.kernel_log()[-2000:]
    log = machine.kernel_log()
    assert "wrong:" not in log and "died" not in log, log[-2000:]
    machine.kill()


def test_what_is_no_module_or_cannot_take_over(boot, small_disk):
    path, _ = small_disk
    add_modules(path, "hoard_next", "hoard_other", "template")
    machine = boot("checkpoint", path, memory=256, append="watch=1 objects=500")
    shell = Shell(machine)
    shell.run("write /text " + 12 * "nomodule")
    for word, sentence in (("/text", "no module, or a damaged one"), ("/nothing", "no such file"), ("hoard", "runs hoard already")):
        assert sentence in shell.run(f"rs update moved {word}")
    said = shell.run("rs update moved /hoard_other.mod")
    assert "moved goes on with hoard:" in said and "struct branch.key" in said, said
    time.sleep(1.5)
    assert "moved runs moved:" in shell.run("rs update moved /hoard_next.mod")
    assert machine.await_log("holds: 500 objects", 10)
    assert len(set(re.findall(r"holds: 500 objects after (\d+) changes, sum (\S+)", machine.kernel_log()))) == 1
    assert shell.power_off() == 0
