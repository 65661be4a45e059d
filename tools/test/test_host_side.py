# SPDX-License-Identifier: MIT
"""The host's own judges: the model of the disk, the event reader, the figures' reader."""
import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.samsara import bench, disk  # noqa: E402
from tools.samsara import test as test_command  # noqa: E402
from tools.samsara.events import EventReader  # noqa: E402
from tools.samsara.model import Model, appended, differences  # noqa: E402


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_event_reader_joins_lines_and_counts_garbage():
    reader = EventReader()
    assert reader.feed(b'{"ev": "he') == []
    assert reader.feed(b'llo"}\nnonsense\n[1]\n{"ev":"x"}\n') == [{"ev": "hello"}, {"ev": "x"}]
    assert reader.garbage == [b"nonsense", b"[1]"]


def test_model_follows_operations():
    model = Model({"/a": digest(b"A"), "/b": digest(b"B")})
    for event in ({"op": "copy", "path": "/a", "to": "/c"}, {"op": "append", "path": "/c", "seed": 7, "bytes": 40},
                  {"op": "rename", "path": "/b", "to": "/d"}, {"op": "unlink", "path": "/a"},
                  {"op": "mkdir", "path": "/e"}, {"op": "rename", "path": "/d", "to": "/e/d"},
                  {"op": "rename", "path": "/e", "to": "/f"}):
        model.apply(event)
    assert not model.problems
    contents = {digest(b"A"): b"A", digest(b"B"): b"B"}
    assert model.digests(contents.__getitem__) == {"/c": digest(b"A" + appended(7, 40)), "/f/d": digest(b"B")}


def test_model_reports_impossible_operations():
    model = Model({})
    model.apply({"op": "unlink", "path": "/nothing"})
    assert model.problems


def test_appended_is_the_documented_stream():
    assert appended(3, 33) == hashlib.sha256(b"3:0").digest() + hashlib.sha256(b"3:1").digest()[:1]


def test_differences_name_each_kind():
    lines = differences({"/a": 1, "/b": 2, "/c": 3}, {"/a": 1, "/b": 9, "/d": 4})
    assert lines == ["/b: content differs", "/c: missing", "/d: should not be there"]


def test_disk_is_what_was_planted(tmp_path):
    planted = disk.make(tmp_path / "d.img", seed=4, mib=32, tree_files=40, big_mib=1)
    assert len(planted) == 40 + len(disk.EDGES) + 1
    assert disk.check(tmp_path / "d.img")[0]
    assert disk.hash_image(tmp_path / "d.img") == planted


def test_e2fsck_judges_a_damaged_disk(tmp_path):
    disk.make(tmp_path / "d.img", seed=4, mib=32, tree_files=10, big_mib=0)
    with open(tmp_path / "d.img", "r+b") as file:
        file.seek(1024 + 0x18)
        file.write(b"\xff" * 64)
    assert not disk.check(tmp_path / "d.img")[0]


def test_figures_are_read():
    text = "bench[1]: B null n=5 min=1.0 med=2.5 ns=3\nB x failed: no port (3)\nB bulk bytes=4 ticks_per_KiB=7.5 MBs=1\n" \
           "B cold bytes=4 ticks_per_KiB=580.9 MBs=1 busy=270.5\n"
    figures, failures = bench.parse(text)
    assert bench.value_of(figures["null"]) == 2.5 and bench.value_of(figures["bulk"]) == 7.5
    assert bench.value_of(figures["cold"]) == 270.5  # the rest was the host's disk
    assert failures == ["x: no port (3)"]


def test_a_name_that_no_test_has(monkeypatch, capsys):
    given = test_command.options("test").parse_args(["nosuch"])
    monkeypatch.setattr(test_command, "system_tests", lambda word, long: (0, 0))
    assert test_command.main(given) == 1
    assert "no test has 'nosuch' in its name" in capsys.readouterr().out
