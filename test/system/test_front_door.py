# SPDX-License-Identifier: MIT
"""build.sh: wrong words and options cost one line and exit code 2."""
import subprocess

import pytest

from tools.samsara import ROOT


@pytest.mark.parametrize("words", [["nonsense"], ["demo", "--kils", "3"], ["demo", "--kill", "3"], ["demo", "--kills", "-1"],
                                   ["demo", "--seed", "xyz"], ["bench", "nothing"], ["run", "--cpus", "0"], ["clean", "--everything"],
                                   ["debug", "--image"], ["demo", "--json", "/nonexistent/x.json"], ["image", "extra"],
                                   ["image", "--image", "nothing"],
                                   ["debug", "--image", "nothing"], ["demo", "--service", "blk,nobody"], ["storm", "--services", "no"],
                                   ["test", "--json", "x"], ["test", "--cpus", "1", "shell"], ["entropy", "--key", "0x1"],
                                   ["entropy", "--services", "nothing"], ["demo", "--folder", "/nonexistent"]])
def test_mistakes(words):
    done = subprocess.run(["./build.sh", *words], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_help():
    done = subprocess.run(["./build.sh", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    for word in ("setup", "build", "demo", "test", "run", "debug", "bench", "image", "clean"):
        assert word in done.stdout
