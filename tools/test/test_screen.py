# SPDX-License-Identifier: MIT
"""The demo's screen: what it says of a layout and of an incident, and that it fits."""
import re

from tools.samsara import screen


class Session:
    targets = ["blk"]
    strips = {"blk": {"incarnation": 3, "window": "c" * 60 + ".k#d", "space": "s" + "." * 62 + "h"}}
    incidents = {"blk": {"incarnation": 2, "cause": "exception", "death": 5_000, "detected": 5_000, "newborn": 40_000,
                         "spare": True, "moved": 1_005_000, "move_ns": 900_000, "ready": 1_100_000, "redelivered": 0,
                         "first_work": 1_090_000}}


def visible(lines):
    return [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line) for line in lines]


def test_strips_stand_under_each_other_and_fit():
    lines = visible(screen.Screen(Session()).layout())
    assert lines[0].startswith("layout     blk[3]")
    assert lines[1] == "  2 GiB    |" + "c" * 60 + "·k#d|"
    assert all(len(line) <= 80 for line in lines)


def test_course_of_an_incident_is_in_order_and_fits():
    assert screen.course(Session.incidents["blk"]) == [
        "0 us detected", "35 us spare starts", "1.0 ms state moved (in 900 us)", "1.1 ms first good answer", "1.1 ms ready"]
    lines = visible(screen.Screen(Session()).incident(80))
    assert len(lines) == 3 and all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("incident   blk[2] exception: 0 us detected, ")


def test_without_an_incident():
    session = Session()
    session.incidents = {}
    assert visible(screen.Screen(session).incident(80)) == ["incident   none yet"]
