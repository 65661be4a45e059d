# SPDX-License-Identifier: MIT
"""The workload on the host, its event lines judged by the model that judges the demo, and by the files themselves.

Then once more with a system that loses, cuts or changes something: it must be told.
"""

import json
import random
import subprocess
from pathlib import Path

import pytest

from interfaces.gen.__main__ import main as generate
from tools.samsara.disk import hash_tree
from tools.samsara.model import Model, differences, original_bytes

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [f"apps/workload/{n}.c" for n in ("run", "tree", "work", "test/host")]
SOURCES += [f"apps/lib/{n}.c" for n in ("json", "outcome", "path", "sha256")]


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    out = tmp_path_factory.mktemp("workload")
    descriptions = [str(p) for p in sorted((ROOT / "interfaces").glob("*.idl"))]
    assert generate(["--out", str(out / "interfaces"), *descriptions]) == 0
    subprocess.run(["clang-19", "-std=c23", "-D_GNU_SOURCE", "-g", "-O1", "-Wall", "-Wextra", "-Werror",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{ROOT}", f"-I{out}",
                    *SOURCES, "-o", out / "host"], cwd=ROOT, check=True)
    return out / "host"


def plant(folder, seed):
    dice = random.Random(seed)
    for i in range(40):
        path = folder / dice.choice("abc") / f"file {i}\u00e4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(dice.choice((0, 1, 55, 64, 4096, 65536, 65537, 200000))))


def work(program, folder, seed, rounds=15, fault=()):
    done = subprocess.run([program, folder, str(seed), str(rounds), *fault], capture_output=True, text=True,
                          encoding="ascii", timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 1000 for line in done.stdout.splitlines())
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(events, kind):
    """Paths are bytes, told as if they were Latin-1."""
    return {e["path"].encode("latin-1").decode(): e["sha256"] for e in events if e["ev"] == kind}


@pytest.mark.parametrize("seed", range(5))
def test_everything_is_as_reported(program, tmp_path, seed):
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    plant(disk, seed)
    plant(copy, seed)  # the untouched originals, for the model
    planted = hash_tree(disk)
    events = work(program, disk, seed)
    done = events[-1]
    assert done["ev"] == "done" and done["errors"] == 0 and done["rounds"] == 15
    assert table(events, "original") == planted
    model = Model(planted)
    kinds = set()
    for event in events:
        if event["ev"] == "op":
            event = {k: v.encode("latin-1").decode() if isinstance(v, str) else v for k, v in event.items()}
            kinds.add(event["op"])
            model.apply(event)
    assert kinds == {"mkdir", "rmdir", "copy", "append", "rename", "unlink"}
    assert model.problems == []
    expected = model.digests(original_bytes(copy))
    assert differences(expected, table(events, "final")) == []
    assert differences(expected, hash_tree(disk)) == []
    originals = [e["path"] for e in events if e["ev"] == "original"]
    assert originals == sorted(originals), "the order must not depend on that of the directories"


@pytest.mark.parametrize("fault", ["corrupt-read", "lose-write", "short-write", "fail-rename"])
@pytest.mark.parametrize("at", [0, 3, 20])
def test_a_broken_system_is_noticed(program, tmp_path, fault, at):
    if fault == "fail-rename":
        at = min(at, 3)
    if fault == "corrupt-read":
        at += 60  # after the first pass: what is read wrong there can only be seen by the host
    plant(tmp_path, 1)
    events = work(program, tmp_path, 1, fault=(fault, str(at)))
    assert events[-1]["ev"] == "done"
    assert events[-1]["errors"] > 0
    assert any(e["ev"] == "error" for e in events)
