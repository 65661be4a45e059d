# SPDX-License-Identifier: MIT
"""test/guest/processor: what user code tries against the processor's protection, at 1 and 2 CPUs."""
import re

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_processor_protection(boot, cpus):
    machine = boot("processor", cpus=cpus)
    verdict = machine.await_log(r"processor: (\d+) passed, (\d+) failed", 120)
    assert verdict, "it did not end\n" + machine.kernel_log()[-2000:]
    failures = re.findall(r"processor\[\d+\]: error: .*", machine.kernel_log())
    assert int(verdict[2]) == 0, "\n".join(failures)
    assert int(verdict[1]) > 450
