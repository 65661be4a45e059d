# SPDX-License-Identifier: MIT
"""The manifest compiler: what it accepts, what it refuses and where it says the mistake is."""
import struct

import pytest

from tools.manifest import binary, cpio, image, locate

GOOD = """\
[image]
name = "t"
memory = "128M"
services = ["a", "b"]

[defaults]
quota = "1M"

[service.a]
priority = 5
args = "cfg=${ecam}"
[service.a.handles]
com1 = { io = [0x3f8, 8] }
line = { irq = 4, trigger = ["level"] }

[service.b]
priority = 6
needs = ["a"]
may = ["control", "watch"]
handles = { a = { port = "a", rights = ["call", "copy"] } }
"""


def read(tmp_path, text, **others):
    for name, content in others.items():
        (tmp_path / f"{name}.toml").write_text(content)
    path = tmp_path / "image.toml"
    path.write_text(text)
    return image.read(path)


def mistakes(tmp_path, text, **others):
    with pytest.raises(image.ImageError) as caught:
        read(tmp_path, text, **others)
    return [(error.place.file.rsplit("/", 1)[-1], error.place.line, error.text) for error in caught.value.errors]


def test_good(tmp_path):
    found = read(tmp_path, GOOD)
    assert [service.name for service in found.services] == ["a", "b"]
    b = found.services[1]
    assert b.values["may"] == 3 and b.values["quota"] == 1 << 20 and b.values["module"] == "b"
    assert (b.handles[0].badge, b.handles[0].rights) == (2, 17)
    assert (found.services[0].handles[1].a, found.services[0].handles[1].b) == (4, 1)


# (text to replace, replacement, line of the error, part of the sentence)
MISTAKES = [
    ("priority = 5", "prority = 5", 10, "unknown key 'prority'"),
    ("priority = 5", "priority = 31", 10, "31 is not in 1..30"),
    ("priority = 5", "priority = true", 10, "no whole number"),
    ("priority = 5\n", "", 9, "must say its priority"),
    ('quota = "1M"', 'quota = "1000"', 7, "no size"),
    ('quota = "1M"', "quota = 5000", 7, "pages"),
    ('quota = "1M"', 'quota = "64M"', 3, "all quotas"),
    ('services = ["a", "b"]', 'services = [\n  "a",\n  "b",\n  "c"]', 7, "there is no service 'c'"),
    ('services = ["a", "b"]', 'services = ["b"]', 18, "needs 'a', which is not in this image"),
    ('services = ["a", "b"]', 'services = ["a", "a"]', 4, "twice"),
    ('needs = ["a"]', 'needs = ["b"]', 18, "needs itself"),
    ("${ecam}", "${ecma}", 11, "${ecma} is unknown"),
    ("io = [0x3f8, 8]", "io = [0x3f8, 0]", 13, "leaves 0.."),
    ("io = [0x3f8, 8]", "io = [0xfffc, 8]", 13, "leaves 0.."),
    ("io = [0x3f8, 8]", "oi = [0x3f8, 8]", 13, "must be one of"),
    ("io = [0x3f8, 8]", "io = [0x3f8, 8], x = 1", 13, "unknown key 'x'"),
    ('"level"', '"edge"', 14, "'edge' is unknown"),
    ("com1 =", "COM1 =", 13, "no name for a handle"),
    ('port = "a"', 'port = "c"', 20, "there is no service 'c'"),
    ('["call", "copy"]', '["copy"]', 20, "without call or notify"),
    ('"watch"]', '"rule"]', 19, "'rule' is unknown"),
    ("priority = 5", 'priority = 5\nspare = "yes"', 11, "neither true nor false"),
    ("priority = 5", 'priority = 5\nlast_resort = "panic"', 11, "none of give up, reboot"),
    ("priority = 5", "priority = 5\nmove_jitter_ms = 5", 11, "without move_ms"),
    ("priority = 5", "priority = 5\ncheckpoint_ms = 5", 11, "how large"),
    ("priority = 5", 'priority = 5\ncheckpoint = "100M"', 3, "all quotas"),
    ("priority = 5", "priority = 5\nundo = 100", 11, "pages"),
    ("[image]", "[imag]", 1, "there is no [image] table"),
    ('memory = "128M"', 'memory = "128M"\nsize = 3', 4, "unknown key 'size'"),
    ("[defaults]", "[default]", 6, "unknown table or key 'default'"),
    ('name = "t"', 'name = "t', 2, "not TOML"),
]


@pytest.mark.parametrize("old,new,line,sentence", MISTAKES)
def test_mistakes(tmp_path, old, new, line, sentence):
    assert old in GOOD
    found = mistakes(tmp_path, GOOD.replace(old, new))
    assert any(at == line and sentence in text for _, at, text in found), found


def test_all_mistakes_at_once(tmp_path):
    found = mistakes(tmp_path, GOOD.replace("priority = 5", "priority = 0").replace("priority = 6", "priority = 99"))
    assert [line for _, line, _ in found] == [10, 17]


def test_circle(tmp_path):
    text = GOOD.replace("[service.a]", '[service.a]\nneeds = ["b"]')
    assert (("image.toml", 10, "these services need each other in a circle: a, b")) in mistakes(tmp_path, text)


def test_double_badge(tmp_path):
    text = GOOD.replace('rights = ["call", "copy"]', "badge = 7").replace(
        'services = ["a", "b"]', 'services = ["a", "b", "c"]') + \
        '[service.c]\npriority = 3\n[service.c.handles]\nx = { port = "a", badge = 7 }\n'
    found = mistakes(tmp_path, text)
    assert found[0][1] == 24 and "badge 0x7 on a is given twice, first at" in found[0][2] and found[0][2].endswith(":20")


def test_double_device(tmp_path):
    text = GOOD.replace('handles = { a', 'handles = { x = { io = [0x3f8, 4] }, a')
    assert "io 0x3f8 is given twice" in mistakes(tmp_path, text)[0][2]


def test_include_overrides_and_names_the_file(tmp_path):
    base = '[service.a]\npriority = 5\nquota = "2M"\n'
    main = 'include = ["base.toml"]\n[image]\nname = "x"\nmemory = "64M"\nservices = ["a"]\n'
    found = read(tmp_path, main + '[service.a]\nquota = "3M"\n', base=base)
    assert found.services[0].values["quota"] == 3 << 20
    assert mistakes(tmp_path, main, base=base.replace("5", "55"))[0][:2] == ("base.toml", 2)


def test_missing_include(tmp_path):
    found = mistakes(tmp_path, '\ninclude = ["nowhere.toml"]\n[image]\nname="x"\n')
    assert found[0][1] == 2 and "nowhere.toml" in found[0][2]


def test_include_circle(tmp_path):
    assert "circle" in mistakes(tmp_path, 'include = ["b.toml"]', b='include = ["image.toml"]')[0][2]


def test_binary(tmp_path):
    blob = binary.encode(read(tmp_path, GOOD))
    magic, size, services, handles, strings, name, _ = binary.HEADER.unpack_from(blob)
    assert (magic, size, services, handles) == (binary.MAGIC, len(blob), 2, 3)
    second = binary.SERVICE.unpack_from(blob, 32 + binary.SERVICE.size)
    text = blob[len(blob) - strings:]
    assert text[second[0]:].split(b"\0")[0] == b"b"
    assert second[8] == 1  # needs the service with index 0


def test_binary_of_care(tmp_path):
    text = GOOD.replace("priority = 5", 'priority = 5\nspare = false\ncheck_moves = true\nlast_resort = "reboot"\nmove_ms = 1000\nmove_jitter_ms = 300\n'
                        'move_every_requests = 50\ncheckpoint = "1M"\ncheckpoint_ms = 70\nundo = "64K"')
    first = binary.SERVICE.unpack_from(binary.encode(read(tmp_path, text)), 32)
    assert first[23:] == (6, 1000, 300, 50, 70, 10_000, 1000, 64 << 10, 1 << 20)
    assert binary.SERVICE.unpack_from(binary.encode(read(tmp_path, GOOD)), 32)[23:25] == (1, 0)


def test_only_who_is_late_may_need_who_is_late(tmp_path):
    late = GOOD.replace("priority = 5", "priority = 5\nlate = true")
    assert "only late services may" in mistakes(tmp_path, late)[0][2]
    both = late.replace("priority = 6", "priority = 6\nlate = true")
    assert binary.SERVICE.unpack_from(binary.encode(read(tmp_path, both)), 32)[23] == 9


def test_parts_of_the_supervisor_are_for_its_twin(tmp_path):
    twin = GOOD.replace('services = ["a", "b"]', 'services = ["a", "b", "t"]') + \
        '\n[service.t]\nmodule = "rs"\npriority = 31\n[service.t.handles]\ntask = { supervisor = "task" }\npages = { supervisor = "pages" }\n'
    found = read(tmp_path, twin).services[2]
    assert [(handle.kind, handle.a) for handle in found.handles] == [("supervisor", 0), ("supervisor", 3)]
    assert "only the module 'rs' may hold" in mistakes(tmp_path, twin.replace('module = "rs"\npriority = 31', "priority = 5"))[0][2]
    assert "is none of task, thread" in mistakes(tmp_path, twin.replace('supervisor = "task"', 'supervisor = "soul"'))[0][2]


def test_cpio_is_what_cpio_reads(tmp_path):
    packed = cpio.pack([("one", b"1"), ("folder-less", b"12345678")])
    assert packed[:6] == b"070701" and len(packed) % 4 == 0
    at, names = 0, []
    while at < len(packed):
        size, length = (int(packed[at + 6 + 8 * field:at + 14 + 8 * field], 16) for field in (6, 11))
        names.append(packed[at + 110:at + 110 + length - 1].decode())
        data = (at + 110 + length + 3) & ~3
        at = (data + size + 3) & ~3
    assert names == ["one", "folder-less", "TRAILER!!!"] and at == len(packed)


def test_locate():
    text = '# a\n"q k" = 1 # x = 2\n[t."u"]\na.b = """\nc = 3\n"""\nd = [\n  1, # one\n  {e = 2},\n]\n[[s]]\nf = 1\n[[s]]\ng = 1\n'
    lines = locate.lines(text)
    assert lines[("q k",)] == 2 and lines[("t", "u", "a", "b")] == 4 and ("t", "u", "c") not in lines
    assert lines[("t", "u", "d", 1, "e")] == 9 and lines[("s", 0, "f")] == 12 and lines[("s", 1, "g")] == 14


def test_the_images_of_this_tree_compile():
    for path in sorted(image.Path(__file__).parents[2].glob("images/*/image.toml")):
        assert struct.unpack_from("<Q", binary.encode(image.read(path)))[0] == binary.MAGIC
