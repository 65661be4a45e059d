# SPDX-License-Identifier: MIT
"""The arithmetic of the measuring commands, and the storm's and the benches' judgement."""
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.samsara import bench, cost, entropy, stats, storm  # noqa: E402


def test_spread_takes_observed_values():
    assert stats.spread([]) == {"n": 0}
    assert stats.spread(range(1, 201)) == {"n": 200, "min": 1, "median": 101, "p99": 199, "max": 200}
    assert stats.spread([7])["p99"] == 7


def test_birthday_bound():
    assert stats.expected_collisions(23, math.log2(365)) == pytest.approx(0.693, abs=0.001)
    assert stats.expected_collisions(10000, 27) == pytest.approx(0.3725, abs=0.001)
    assert stats.collisions([1, 2, 1, 3, 1]) == 3


def test_poisson_tail():
    assert stats.poisson_tail(0, 3.0) == 1
    assert stats.poisson_tail(1, 1.0) == pytest.approx(1 - math.exp(-1))
    assert stats.poisson_tail(40, 1.0) < 1e-12


def test_bias_is_in_standard_deviations():
    assert stats.bit_bias([0, 1] * 50, 0) == 0
    assert stats.bit_bias([1] * 100, 0) == 10
    assert stats.bit_bias([0] * 100, 0) == -10


def test_correlation():
    assert stats.correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert stats.correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert stats.correlation([1, 2, 3], [5, 5, 5]) == 0


def test_length_and_strict_alignment_cost_bits():
    bits, known = entropy.by_rule(True, 8000, 4)
    assert bits == pytest.approx(41.65, abs=0.05) and known == pytest.approx(25.65, abs=0.05)
    long, longer, whole = (entropy.by_rule(False, size, 4)[0] for size in (1000, 30000, 65000))
    assert bits > long > longer > whole > entropy.BAR
    assert entropy.by_rule(False, 8, 16)[0] == pytest.approx(entropy.BLOCKS)
    assert entropy.by_rule(False, 8, 18)[0] == pytest.approx(entropy.BLOCKS - 2)


def test_chances_of_places_in_a_block():
    for size in (1, 100, 200, 239, 240, 1000, 65000, 66000):
        for align in range(3, 17):
            top, same = entropy.in_block(False, size, align)
            assert 1 / 4096 < same <= top <= 1
            assert entropy.in_block(True, size, align) == entropy.in_block(True, 1, align)


def test_one_measurement_at_a_time(tmp_path):
    with bench.alone(tmp_path):
        with pytest.raises(SystemExit, match="another measurement runs"):
            with bench.alone(tmp_path):
                pass
    with bench.alone(tmp_path):
        pass  # the end of the first lets the next begin


def test_lost_throughput():
    figures = {"kill_read_off": {"med": 90}, "kill_read_1000ms": {"med": 100}, "kill_write_1000ms": {"med": 5}}
    assert bench.lost_throughput(figures) == {"kill_read_1000ms_lost": {"percent": 10.0}}


def looks(values):
    return [(i, {"blk": {"memory": value, "handles": 9, "heap_objects": 5}}) for i, value in enumerate(values)]


def test_storm_sees_what_grows():
    flat = storm.growths(looks([1 << 20] * 40))
    assert {line["what"]: line["grew"] for line in flat} == {"memory": False, "handles": False, "heap_objects": False}
    grown = storm.growths(looks([(1 << 20) + i * 8192 for i in range(40)]))
    assert [line["what"] for line in grown if line["grew"]] == ["memory"]
    assert storm.growths(looks([1, 2])) == []
    assert storm.growths(looks([(1 << 20) + i * 1000000 for i in range(15)])) == []  # too few to tell


def test_like_is_compared_with_like():
    """A spare that is there, and a copy that it has made, are no leak; what is missing with each of them is."""
    def growth(spares, leak):
        looks = [(i, {"a": {"memory": 1000000 * (1 + spare) + leak * i, "spare": spare}}) for i, spare in enumerate(spares)]
        return [line["grew"] for line in storm.growths(looks) if line["what"] == "memory"]
    assert growth([0, 2] * 10 + [2] * 20, 0) == [False]
    assert growth([0, 2] * 10 + [2] * 20, 10000) == [True]
    assert growth([0] * 20 + [2] * 20, 10000) == []


def test_cost_of_what_differs_from_boot_to_boot_is_the_median():
    assert cost.middle([{"n": 4, "ticks": 1, "busy": busy} for busy in (9, 2, 3)]) == {
        "n": 4, "ticks": 1, "busy": 3, "least": 2, "most": 9, "boots": 3}


def test_cost_compares_what_both_have_and_sums_without_counting_twice():
    plain = {"ext4_stat": {"n": 10, "ticks": 9, "busy": 100}, "ext4_write_nosync": {"bytes": 2048, "busy": 5},
             "null_syscall": {"n": 1, "med": 85}, "ext4_gone": {"n": 1, "busy": 1}}
    with_tx = {"ext4_stat": {"n": 10, "ticks": 9, "busy": 104}, "ext4_write_nosync": {"bytes": 2048, "busy": 10},
               "null_syscall": {"n": 1, "med": 85}}
    rows = {row["name"]: row for row in cost.compare(plain, with_tx)}
    assert set(rows) == {"ext4_stat", "ext4_write_nosync", "null_syscall", "all of ext4"}
    assert rows["ext4_stat"]["percent"] == 4 and rows["null_syscall"]["percent"] == 0
    assert rows["all of ext4"]["without"] == 1000 and rows["all of ext4"]["with"] == 1040
    assert any(line.startswith("+ all of ext4") for line in cost.table(rows.values()))
