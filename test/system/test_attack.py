# SPDX-License-Identifier: MIT
"""A leaked address is good until the next layout; each failed attack is a death that an honest client does not notice."""
import argparse
import math

import pytest

from tools.samsara import attack, stats


def run(periods, think, trials):
    given = argparse.Namespace(periods=periods, think=think, trials=trials, seed=1)
    result = attack.campaign(given)
    assert result["ok"], result
    return {(row["period"], cell["think_ms"]): (cell, row) for row in result["rows"] for cell in row["cells"]}


def chance(hits, trials, p):
    """Of so many hits or fewer, or of so many or more, whichever is rarer."""
    each = [math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(trials + 1)]
    return min(sum(each[:hits + 1]), sum(each[hits:]))


@pytest.mark.seconds(7)
def test_a_leak_is_good_until_the_next_layout():
    cells = run(["none", "20"], [1, 60], 12)
    for ms in (1, 60):
        assert cells["none", ms][0]["successes"] == 12
    short, row = cells["20", 1]
    # An interval of 95 % would be missed in one run of twenty.
    assert chance(short["successes"], 12, short["expected"]) > 1e-4, short
    assert 20 <= row["layout_ms"] < 30
    late = cells["20", 60][0]
    assert late["successes"] == 0 and late["deaths"] == 3 * 12, "a request that kills is delivered three times"
    assert row["honest"]["answers"] > 500


@pytest.mark.parametrize("layout_ms, think_ms, share", [(0, 50, 1), (100, 10, 0.9), (100, 100, 0), (10, 1000, 0)])
def test_what_is_expected(layout_ms, think_ms, share):
    assert attack.expected(think_ms, layout_ms) == pytest.approx(share, abs=2 * attack.GUESS)


def test_what_must_not_be_is_said():
    text = ("attack: a layout lasts 20000000 ns\nattack: think 1000 thing 0 took 1000000 success 0 status 0 deaths 0\n"
            "honest: 10 answers, 1 wrong, 2 errors\nleaky is given up\n")
    said = " ".join(attack.problems_of(attack.read_log(text, "20", [1])))
    for part in ("did not finish", "given up", "1 wrong answers and 2 errors", "neither succeeded nor"):
        assert part in said


@pytest.mark.parametrize("hits, n, low, high", [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (5, 10, 0.237, 0.763), (0, 0, 0, 1)])
def test_wilson(hits, n, low, high):
    assert stats.wilson(hits, n) == pytest.approx((low, high), abs=0.001)
