# SPDX-License-Identifier: MIT
"""The server of docs/writing-a-server.md does what the page says: moved, and killed in every way, it goes on."""
import re

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_moved_and_killed_in_every_way(boot, cpus):
    machine = boot("tutorial", cpus=cpus)
    verdict = machine.await_log(r"(\d+) ways, (\d+) wrong", 120)
    log = machine.kernel_log()
    assert verdict, log[-3000:]
    assert verdict.groups() == ("8", "0"), "\n".join(re.findall(r".*wrong: .*", log))
    totals = [int(total) for total in re.findall(r"way \d: total (\d+) after it", log)]
    assert totals == [5, 10, 15, 20, 25, 30, 35, 40]
    assert "template[8] died" in log and "template[1] died" not in log  # the first one was moved
