# SPDX-License-Identifier: MIT
"""test/guest/processor: what user code tries against the processor's protection, at 1 and 2 CPUs."""
import re
import time

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_processor_protection(boot, cpus):
    machine = boot("processor", cpus=cpus)
    limit, verdict = time.monotonic() + 120, None
    while not verdict and time.monotonic() < limit and machine.running():
        time.sleep(0.2)
        verdict = re.search(r"processor: (\d+) passed, (\d+) failed", machine.kernel_log())
    assert verdict, "it did not end\n" + machine.kernel_log()[-2000:]
    failures = re.findall(r"processor\[\d+\]: error: .*", machine.kernel_log())
    assert int(verdict[2]) == 0, "\n".join(failures)
    assert int(verdict[1]) > 450
