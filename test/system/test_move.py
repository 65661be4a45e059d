# SPDX-License-Identifier: MIT
"""Two services are told the same; one is moved and killed in every way. They must stay equal (test/guest/mover)."""
import re

import pytest


@pytest.mark.parametrize("cpus", [1, 2])
def test_state_survives_moves_and_deaths(boot, cpus, quick):
    rounds = 14 if quick else 42  # two rounds in three are moves; each of the seven ways to die comes at least twice
    machine = boot("move", cpus=cpus, memory=256, append=f"kill=1 rounds={rounds} objects=2000 churn=20")
    verdict = machine.await_log(r"moved: (\d+) rounds, (\d+) wrong", 300)
    log = machine.kernel_log()
    assert verdict, "it did not end\n" + log[-2000:]
    assert (int(verdict[1]), int(verdict[2])) == (rounds, 0), log[-3000:]
    deaths = re.findall(r"warning: moved\[\d+\] died: (\w+) \(by command\)", log)
    assert len(deaths) == rounds // 3, deaths
    assert {"exception", "hang", "assert", "exit"} <= set(deaths) or quick, deaths


def test_restored_from_checkpoints(boot):
    """By command and by the ladder, into another layout each time; damaged files are refused."""
    machine = boot("move", memory=256, append="checkpoints=1 objects=2000")
    verdict = machine.await_log(r"moved: (\d+) rounds, (\d+) wrong", 200)
    log = machine.kernel_log()
    assert verdict, "it did not end\n" + log[-3000:]
    assert (int(verdict[1]), int(verdict[2])) == (6, 0), log[-3000:]


@pytest.mark.seconds(5)
def test_updated_into_changed_programs(boot):
    """Fields added, removed, reordered, wider; a conversion function; back again, under load. A version that finds
    itself unwell, one for which there is no conversion, and one that lacks a function are rolled back."""
    machine = boot("update", memory=256, append="updates=2 objects=1000")
    verdict = machine.await_log(r"moved: (\d+) rounds, (\d+) wrong", 300)
    log = machine.kernel_log()
    assert verdict, "it did not end\n" + log[-3000:]
    assert (int(verdict[1]), int(verdict[2])) == (2, 0), log[-4000:]
    deaths = re.findall(r"warning: moved\[\d+\] died: (.*)", log)
    assert len(deaths) == 6, deaths
    assert "hoard_is_well" in deaths[0], deaths[0]
    assert re.search(r"struct item.(call|u)|chosen", deaths[2]) and "not in the new version" in deaths[2], deaths[2]
    assert "struct branch.key" in deaths[1] and "no conversion is known" in deaths[1], deaths[1]
