# SPDX-License-Identifier: MIT
"""The demo's own bar: 100 deaths of the disk driver during the workload, at 1 and 2 CPUs, nothing lost."""
import json
import subprocess
import sys

import pytest

from tools.samsara import ROOT


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.seconds(33)
def test_hundred_deaths(tmp_path, cpus):
    report = tmp_path / "result.json"
    done = subprocess.run([sys.executable, "-m", "tools.samsara", "demo", "--plain", "--kills", "100", "--every", "150",
                           "--cpus", str(cpus), "--accel", "tcg", "--folder", str(tmp_path),
                           "--json", str(report)], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    result = json.loads(report.read_text())
    assert result["ok"] and result["deaths_of_target"] >= 100 and result["client_errors"] == 0
    assert result["files_hashed"] == 2018
    assert {"exception", "hang", "assert", "exit"} <= set(result["deaths_by_cause"]), result["deaths_by_cause"]
