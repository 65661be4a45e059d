# SPDX-License-Identifier: MIT
"""lib/test: the suite that runs on Samsara itself, at 1 and 2 CPUs."""
import re

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_suite_on_the_target(boot, cpus):
    machine = boot("rttest", cpus=cpus)
    verdict = machine.await_log(r"rttest: (\d+) passed, (\d+) failed", 120)
    assert verdict, "the suite did not end"
    failures = re.findall(r"rttest\[\d+\]: error: .*", machine.kernel_log())
    assert int(verdict[2]) == 0, "\n".join(failures)
    assert int(verdict[1]) > 600
