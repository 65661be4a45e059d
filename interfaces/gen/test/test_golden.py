# SPDX-License-Identifier: MIT
"""What the generator writes is compared with files that a person has read (golden/).

After a wanted change: UPDATE_GOLDEN=1 python3 -m pytest interfaces/gen/test, then read the diff.
"""

import json
import os
from pathlib import Path

import pytest

from interfaces.gen.__main__ import main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
GOLDEN = HERE / "golden"
FILES = [f"lamp.{s}" for s in ("types.h", "client.h", "server.h", "server.c", "trace.c", "json")]
FILES += ["all.trace.c", "lamp.md"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    assert main(["--out", str(out), "--pages", str(out), str(HERE / "lamp.idl")]) == 0
    if os.environ.get("UPDATE_GOLDEN"):
        for name in FILES:
            (GOLDEN / name).write_text((out / name).read_text())
    return out


@pytest.mark.parametrize("name", FILES)
def test_output_is_golden(made, name):
    assert (made / name).read_text() == (GOLDEN / name).read_text()


def test_nothing_else_is_written(made):
    assert sorted(p.name for p in made.iterdir()) == sorted(FILES)


def test_unchanged_files_keep_their_time(made):
    before = {name: (made / name).stat().st_mtime_ns for name in FILES}
    assert main(["--out", str(made), "--pages", str(made), str(HERE / "lamp.idl")]) == 0
    assert before == {name: (made / name).stat().st_mtime_ns for name in FILES}


def test_description_says_what_a_fuzzer_needs(made):
    lamp = json.loads((made / "lamp.json").read_text())
    words = next(op for op in lamp["operations"] if op["name"] == "words")
    assert words["label"] == 200 << 8 | 2
    assert [a["word"] for a in words["arguments"]] == [0, 1, 2, 3, 4, 5]
    assert (words["arguments"][1]["min"], words["arguments"][1]["max"]) == (5, 10)
    assert lamp["structs"]["page"]["size"] == 72


def test_committed_pages_are_current(tmp_path):
    """docs/interfaces is what `make interface-pages` writes from the descriptions of today."""
    descriptions = sorted((ROOT / "interfaces").glob("*.idl"))
    assert main(["--out", str(tmp_path / "c"), "--pages", str(tmp_path / "p"), *map(str, descriptions)]) == 0
    for path in descriptions:
        page = f"{path.stem}.md"
        committed = ROOT / "docs" / "interfaces" / page
        assert committed.exists(), f"{committed} is missing: run make interface-pages"
        assert committed.read_text() == (tmp_path / "p" / page).read_text(), "run make interface-pages"
