# SPDX-License-Identifier: MIT
"""Every service in turn is killed or hung while all are moved all the time, the supervisor, its twin and the conductor too."""
import pytest

from tools.samsara import storm


def run(tmp_path, *options):
    given = storm.options("storm").parse_args(options)
    given.folder = tmp_path
    session = storm.Storm(given)
    try:
        storm.follow(session)
        return session.judge()
    finally:
        session.machine.kill()


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.seconds(40)
def test_everybody_dies_and_nothing_is_lost(tmp_path, quick, cpus):
    deaths = 60 if quick else 500
    result = run(tmp_path, "--deaths", str(deaths), "--cpus", str(cpus), "--seed", str(cpus))
    assert result["ok"], result["problems"]
    assert not result["unasked"] and not result["lost_events"]
    assert result["deaths"] >= deaths and result["moves"] >= deaths / 10
    assert {"rs", "twin", "fs", "blk", "console", "pci"} <= {name for name, count in result["deaths_by_service"].items() if count}
    assert result["births"] > result["deaths"] and result["layouts_twice"] == 0


@pytest.mark.seconds(40)
def test_a_second_look_finds_nothing(tmp_path, quick):
    """What files and their driver are after each move and each request agrees with itself and with what it was made from."""
    deaths = 40 if quick else 500
    result = run(tmp_path, "--check", "--services", "fs,blk,rs", "--deaths", str(deaths))
    assert result["ok"], result["problems"]
    assert not result["unasked"] and result["moves"] > 0
