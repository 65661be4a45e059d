# SPDX-License-Identifier: MIT
"""The server of docs/writing-a-server.md does what the page says: killed in every way, it goes on."""
import re
import time

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_every_way_to_die(boot, cpus):
    machine = boot("tutorial", cpus=cpus)
    limit, verdict = time.monotonic() + 120, None
    while not verdict and time.monotonic() < limit and machine.running():
        time.sleep(0.1)
        verdict = re.search(r"(\d+) ways, (\d+) wrong", machine.kernel_log())
    log = machine.kernel_log()
    assert verdict, log[-3000:]
    assert verdict.groups() == ("7", "0"), "\n".join(re.findall(r".*wrong: .*", log))
    totals = [int(total) for total in re.findall(r"way \d: total (\d+) after it", log)]
    assert totals == [5, 10, 15, 20, 25, 30, 35]
    assert "template[7] died" in log
