# SPDX-License-Identifier: MIT
"""The server of docs/writing-a-server.md does what the page says: killed in every way, it goes on."""
import re

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_every_way_to_die(boot, cpus):
    machine = boot("tutorial", cpus=cpus)
    verdict = machine.await_log(r"(\d+) ways, (\d+) wrong", 120)
    log = machine.kernel_log()
    assert verdict, log[-3000:]
    assert verdict.groups() == ("7", "0"), "\n".join(re.findall(r".*wrong: .*", log))
    totals = [int(total) for total in re.findall(r"way \d: total (\d+) after it", log)]
    assert totals == [5, 10, 15, 20, 25, 30, 35]
    assert "template[7] died" in log
