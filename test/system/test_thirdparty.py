# SPDX-License-Identifier: MIT
"""SQLite, zlib and MuJS as services answer a long input as the same sources do on the host, byte for byte."""
import copy

import pytest

from tools.samsara import thirdparty


def run(tmp_path, *arguments, **options):
    log = tmp_path / "kernel.log"
    result = thirdparty.Session(*arguments, accel="tcg", debug_log=str(log), **options).run()
    assert result["ok"], "\n".join(result["problems"]) + "\n" + log.read_text(errors="replace")[-3000:]
    assert result["differences"] == 0 and result["requests"] >= 3 * 25 * arguments[1]
    return result


# The third input with two processors once met a service that shared its memory with its spare's undo log.
@pytest.mark.parametrize("seed, cpus", [(1, 1), (3, 2)])
def test_answers_are_the_hosts(tmp_path, quick, seed, cpus):
    result = run(tmp_path, seed, 10 if quick else 60, cpus=cpus)
    assert result["deaths"] == result["moves"] == 0


@pytest.mark.parametrize("seed, cpus", [(2, 1), (4, 2)])
@pytest.mark.seconds(27)
def test_moved_and_killed(tmp_path, quick, seed, cpus):
    result = run(tmp_path, seed, 8 if quick else 16, move_every=10, kill_every=700, cpus=cpus)
    for name, entry in result["libraries"].items():
        assert entry["moves"] + entry["heirs"] >= 3, (name, entry)
        assert entry["layouts"] > entry["moves"] + entry["heirs"]
        assert entry["moved"]["pointers"] > 0
    assert result["deaths"] >= 3 and result["moves"] >= 3, result


def damage_digest(events):
    [e for e in events if e["ev"] == "block" and e["library"] == "zlib"][3]["sha256"] = "0" * 64


def damage_count(events):
    [e for e in events if e["ev"] == "block" and e["library"] == "mujs"][2]["requests"] += 1


def lose_block(events):
    events.remove([e for e in events if e["ev"] == "block" and e["library"] == "sqlite"][-1])


def invent_block(events):
    events.append({"ev": "block", "library": "zlib", "block": 99, "requests": 25, "sha256": "0" * 64})


def damage_totals(events):
    [e for e in events if e["ev"] == "library"][0]["out_bytes"] += 1


@pytest.mark.parametrize("damage, said", [
    (damage_digest, "zlib: block 3 of 6 differs"), (damage_count, "mujs: block 2 of 6 differs"),
    (lose_block, "sqlite: block 5 of 6 is missing"), (invent_block, "1 blocks too many"), (damage_totals, "the totals differ")])
def test_a_difference_is_noticed(damage, said):
    expected = thirdparty.reference(4, 6)
    assert thirdparty.differences(expected, thirdparty.reference(4, 6), 4) == []
    found = copy.deepcopy(expected)
    damage(found)
    problems = thirdparty.differences(expected, found, 4)
    assert len(problems) == 1 and problems[0].startswith(said), problems


def test_inputs_differ():
    one, other = (thirdparty.blocks(thirdparty.reference(seed, 2)) for seed in (1, 2))
    assert not {digest for digest, _ in one.values()} & {digest for digest, _ in other.values()}
