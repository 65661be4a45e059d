# SPDX-License-Identifier: MIT
"""Tests shared by several processes: each runs once, those that need much come first, a process that ends ends nothing else."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.samsara import pool  # noqa: E402

FILE = """
import os, time
import pytest

def note(name):
    with open(os.path.join(os.path.dirname(__file__), name), "x") as file:  # once
        file.write(f"{os.getpid()} {time.monotonic()}")

def test_short(): note("short")

@pytest.mark.seconds(9)
def test_long(): note("long")

@pytest.mark.parametrize("cpus", [2])
def test_wide(cpus): note("wide")

@pytest.mark.together
@pytest.mark.parametrize("n", [1, 2, 3])
def test_neighbours(n): note(f"neighbour{n}")
"""


def run(folder, more=""):
    path = folder / "test_given.py"
    path.write_text(FILE + more)
    # By a name of its own: the tests of this file run beside each other, and what they leave goes by name.
    counts = pool.run(f"pool-{folder.name}", [str(path)], 2, show=lambda sentence: None)
    noted = {path.name: path.read_text().split() for path in folder.iterdir() if path.suffix == ""}
    return counts, {name: int(pid) for name, (pid, _) in noted.items()}, {name: float(t) for name, (_, t) in noted.items()}


def test_each_runs_once_and_in_order(tmp_path):
    counts, process, time = run(tmp_path)
    assert counts == (6, 0)
    assert time["wide"] == min(time.values())
    assert len({process[f"neighbour{n}"] for n in (1, 2, 3)}) == 1


def test_failures_are_counted(tmp_path, capsys):
    counts, process, _ = run(tmp_path, "\ndef test_wrong(): assert not 'so'\n")
    assert counts == (6, 1) and len(process) == 6
    assert "assert not 'so'" in capsys.readouterr().out


def test_a_process_that_ends_ends_nothing_else(tmp_path):
    counts, process, _ = run(tmp_path, "\n@pytest.mark.seconds(99)\ndef test_ends(): os._exit(3)\n")
    assert counts[1] == 1 and len(process) == 6


def test_nothing_is_chosen(tmp_path):
    (tmp_path / "test_none.py").write_text("")
    assert pool.run(f"pool-{tmp_path.name}", [str(tmp_path)], 2) == (0, 0)


def test_who_needs_what_is_not_free_waits():
    waiting = {0: (1, 5), 1: (2, 1), 2: (1, 9), 3: (1, 9)}
    assert [pool.next_test(waiting, free) for free in (0, 1, 2)] == [None, 2, 1]
