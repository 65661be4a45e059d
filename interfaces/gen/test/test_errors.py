# SPDX-License-Identifier: MIT
"""Every mistake in a description stops the build and is told with its place."""

import pytest

from interfaces.gen.__main__ import main

# (description, line:column, part of the message); the text is the body of an interface, from line 2 on.
BODIES = [
    # Syntax
    ("call f(", "3:1", "expected the name of an argument"),
    ("call f(a u32) recovery device;", "2:10", "expected ':'"),
    ("call f(a: u32 recovery device;", "2:15", "expected ')'"),
    ("call f() recovery device", "3:1", "expected ';'"),
    ("call f();", "2:9", "expected 'recovery'"),
    ("call f() errors ERR_BUSY;", "2:10", "expected 'recovery'"),
    ("call f() recovery sometimes;", "2:19", "no recovery word"),
    ("service f;", "2:1", "expected const, enum, struct, call"),
    ("call f(a: u32 in 1-2) recovery device;", "2:21", "expected '..'"),
    ("call f(a: $) recovery device;", "2:11", "has no meaning here"),
    ("const 5 = 3;", "2:7", "expected the name of the constant"),
    ("const A = ;", "2:11", "expected a number"),
    ("const A = 12x;", "2:11", "has no meaning here"),
    ("const A = 1 << 64;", "2:16", "does not fit into 64 bits"),
    ("const A = B;", "2:11", "no constant is named 'B'"),
    ("enum e { A = 1 B = 2; }", "2:16", "expected ';'"),
    # Types
    ("call f(a: u33) recovery device;", "2:11", "unknown type 'u33'"),
    ("call f(a: string) recovery device;", "2:11", "unknown type 'string'"),
    ("call f(a: in words[4]) recovery device;", "2:14", "expected 'bytes'"),
    ("call f(a: handle file) recovery device;", "2:18", "no kernel object"),
    ("call f(a: handle memory [fly]) recovery device;", "2:26", "no right"),
    ("struct s { u65 a; }", "2:16", "unknown type 'u65'"),
    ("struct s { bool a; }", "2:17", "unknown type 'bool'"),
    # Names
    ("call f() recovery device; call f() recovery device;", "2:32", "already defined at"),
    ("call f(a: u32, a: u32) recovery device;", "2:16", "already defined at"),
    ("call f(a: u32) -> (a: u32) recovery device;", "2:20", "already defined at"),
    ("const A = 1; const A = 2;", "2:20", "defined twice"),
    ("const A = 1; enum e { A = 2; }", "2:23", "defined twice"),
    ("enum e { A = 1; } struct e { u32 a; }", "2:26", "already defined at"),
    ("struct s { u32 a; u32 a; }", "2:23", "already defined at"),
    ("call Open() recovery device;", "2:6", "lower_case"),
    ("const small = 1;", "2:7", "UPPER_CASE"),
    ("call for() recovery device;", "2:6", "word of C"),
    ("call f(status: u32) recovery device;", "2:8", "used by the generated code"),
    # Numbers
    ("call f(a: u32 in 5..4) recovery device;", "2:8", "empty or leaves u32"),
    ("call f(a: u8 in 0..256) recovery device;", "2:8", "empty or leaves u8"),
    ("call f(a: u32 in -1..4) recovery device;", "2:8", "empty or leaves u32"),
    ("call f(a: in bytes[5..4]) recovery device;", "2:8", "empty or leave"),
    ("call f(a: in bytes[0..0]) recovery device;", "2:8", "never carry a byte"),
    ("call f(a: in bytes[1..1 << 32]) recovery device;", "2:8", "empty or leave"),
    ("const A = 1 << 63; const B = A * 4;", "2:26", "does not fit into 64 bits"),
    ("enum e { }", "2:6", "has no values"),
    ("enum e { A = 1; B = 1; }", "2:17", "same number as A"),
    ("enum e { A = 1 << 31; }", "2:10", "does not fit"),
    ("struct s { u32 a[0]; }", "2:16", "array length 0"),
    ("struct s { u32 a; u64 b; }", "2:23", "hole of 4 bytes"),
    ("struct s { u64 a; u32 b; }", "2:8", "end in a hole of 4 bytes"),
    ("struct s { }", "2:8", "has no fields"),
    # What a message can carry
    ("call f(a: u32, b: u32, c: u32, d: u32, e: u32, g: u32, h: u32) recovery device;", "2:6",
     "7 words of arguments"),
    ("call f() -> (a: u32, b: u32, c: u32, d: u32, e: u32, g: u32, h: u32) recovery device;", "2:6",
     "7 words of results"),
    ("call f(a: in bytes[4], b: out bytes[4]) recovery device;", "2:24", "carries one grant"),
    ("call f(a: handle port, b: handle port) recovery device;", "2:24", "carries one handle"),
    ("call f() -> (a: handle port, b: handle irq) recovery device;", "2:30", "carries one handle"),
    ("call f() -> (a: out bytes[4]) recovery device;", "2:14", "a grant is an argument"),
    # Errors
    ("call f() recovery device errors ERR_SOMETHING;", "2:33", "unknown error 'ERR_SOMETHING'"),
    ("call f() recovery device errors OK;", "2:33", "unknown error 'OK'"),
    ("call f() recovery device errors ERR_BUSY, ERR_BUSY;", "2:43", "listed twice"),
    ("call f() recovery device errors ERR_ERRNO;", "2:33", "write 'errno'"),
]  # fmt: skip


def run(tmp_path, text, name="lamp.idl", out="out"):
    path = tmp_path / name
    path.write_text(text)
    return path, main(["--out", str(tmp_path / out), str(path)])


@pytest.mark.parametrize("body, place, message", BODIES, ids=[b[0][:40] for b in BODIES])
def test_mistake(tmp_path, capsys, body, place, message):
    path, code = run(tmp_path, f"interface lamp = 9 {{\n{body}\n}}\n")
    told = capsys.readouterr().err
    assert code == 1
    assert told.startswith(f"{path}:{place}: error: ")
    assert message in told.splitlines()[0]
    assert not (tmp_path / "out").exists(), "nothing may be written from a wrong description"


@pytest.mark.parametrize("head, place, message", [
    ("interface lamp = 0 { }", "1:11", "not in 1..255"),
    ("interface lamp = 256 { }", "1:11", "not in 1..255"),
    ("interface torch = 9 { }", "1:11", "named torch.idl"),
    ("interface lamp { }", "1:16", "expected '='"),
    ("protocol lamp = 9 { }", "1:1", "expected 'interface'"),
    ("interface lamp = 9 { } call f() recovery device;", "1:24", "one interface a file"),
    ("interface lamp = 9 {", "1:21", "found the end of the file"),
])  # fmt: skip
def test_mistake_in_the_frame(tmp_path, capsys, head, place, message):
    path, code = run(tmp_path, head)
    told = capsys.readouterr().err
    assert code == 1
    assert told.startswith(f"{path}:{place}: error: ") and message in told


def test_all_mistakes_are_told_at_once(tmp_path, capsys):
    _, code = run(tmp_path, "interface lamp = 9 {\ncall F() recovery device;\nconst x = 1;\n}")
    assert code == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_numbers_are_unique_over_all_files(tmp_path, capsys):
    for name in ("lamp", "torch"):
        (tmp_path / f"{name}.idl").write_text(f"interface {name} = 9 {{ }}")
    files = [str(tmp_path / "lamp.idl"), str(tmp_path / "torch.idl")]
    assert main(["--out", str(tmp_path / "out"), *files]) == 1
    assert "protocol number 9 already belongs to lamp" in capsys.readouterr().err


def test_too_many_operations(tmp_path, capsys):
    calls = "\n".join(f"call f{i}() recovery device;" for i in range(256))
    _, code = run(tmp_path, "interface lamp = 9 {" + calls + "}")
    assert code == 1
    assert "at most 255" in capsys.readouterr().err


def test_missing_file_is_told(tmp_path, capsys):
    assert main(["--out", str(tmp_path), str(tmp_path / "none.idl")]) == 1
    assert "cannot be read" in capsys.readouterr().err
