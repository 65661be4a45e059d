# SPDX-License-Identifier: MIT
"""The pass type_map: what it says of types (FileCheck on a listing of the maps), and what it refuses, with file and line."""
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("SAMSARA_TEST_BUILD", "build")
PLUGIN = BUILD / "passes" / "type_map.so"
LLVM = Path("/usr/lib/llvm-19/bin")
CASES = sorted([*Path(__file__).with_name("type_map").glob("*.ll"), *Path(__file__).with_name("type_map").glob("*.c")])
KINDS = ["plain", "pointer", "function", "handle", "bits", "scan", "struct", "union"]

pytestmark = pytest.mark.together


@pytest.fixture(scope="module", autouse=True)
def built():
    folder = BUILD.relative_to(ROOT)
    subprocess.run(["make", "-s", f"O={folder}", f"{folder}/passes/type_map.so"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def sections(path):
    """(name, bytes) of each section of a 64-bit ELF file."""
    data = path.read_bytes()
    table, count, names = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<2H", data, 60)
    headers = [struct.unpack_from("<2I4Q", data, table + 64 * i) for i in range(count)]
    start = headers[names][4]
    for name, _, _, _, offset, size in headers:
        yield data[start + name:data.index(b"\0", start + name)].decode(), data[offset:offset + size]


def text(strings, offset):
    return strings[offset:strings.index(b"\0", offset)].decode()


def listing(path):
    """Every map as a tree: kind, type, name, offset, size x count, what tells the alternatives of a union apart."""
    lines = []
    for name, data in sections(path):
        if name == "samsara_globals":
            size, flags, name_bytes = struct.unpack_from("<QII", data, 24)
            lines.append(f"global {data[40:40 + name_bytes - 1].decode()} bytes {size}{' untyped' if flags & 1 else ''}")
        if not name.startswith("samsara_types."):
            continue
        assert struct.unpack_from("<I", data)[0] == 0x50414D54
        count = struct.unpack_from("<I", data, 12)[0]
        strings, ends = data[32 + 32 * count:], []
        for i in range(count):
            name, kind, at, size, times, below, aux, code, flags, _ = struct.unpack_from("<7I2BH", data, 32 + 32 * i)
            ends = [end for end in ends if i < end]
            words = ["  " * len(ends) + KINDS[code], text(strings, kind) or "-", text(strings, name) or "-", f"at {at}",
                     f"bytes {size}"]
            words += [f"x {'any' if times == 2**32 - 1 else times}"] if times != 1 else []
            words += [f"bits {aux & 0xffff}+{aux >> 16}"] if KINDS[code] == "bits" else []
            words += [f"tag #{aux}"] if flags & 2 else [f"when {aux}"] if flags & 4 else []
            lines.append(" ".join(words))
            ends.append(i + 1 + below)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_says(path, tmp_path):
    """A file that begins with error_ is refused; the others are compiled and their maps listed."""
    source, out = path.read_text(), tmp_path / "out.o"
    options = re.search(r"OPTIONS: *(.*)", source)
    command = [str(LLVM / "clang"), "-g", "-O2", "-I.", "-c", f"-fplugin={PLUGIN}", f"-fpass-plugin={PLUGIN}",
               *(options[1].split() if options else []), str(path.relative_to(ROOT)), "-o", str(out)]
    command += ["-std=c23", "-fdata-sections", "-ffunction-sections"] if path.suffix == ".c" else ["-Wno-override-module"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode != 0) == path.name.startswith("error_"), done.stderr
    seen = listing(out) if done.returncode == 0 else done.stderr
    check = subprocess.run([str(LLVM / "FileCheck"), "--match-full-lines" if done.returncode == 0 else "--dump-input=fail", str(path)],
                           input=seen, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr + seen


def test_equal_types_of_two_files_have_one_map(tmp_path):
    """Weak, named by content, in a section of its own: the linker keeps one of the equal maps."""
    objects = []
    for name in ("one", "two"):
        source = tmp_path / f"{name}.c"
        source.write_text(f"struct shared {{ struct shared *next; }} {name}; void *use_{name}(void) {{ return {name}.next; }}\n")
        objects.append(tmp_path / f"{name}.o")
        subprocess.run([str(LLVM / "clang"), "-g", "-O2", "-ffunction-sections", "-fdata-sections", f"-fpass-plugin={PLUGIN}", "-c",
                        str(source), "-o", str(objects[-1])], check=True)
    out = tmp_path / "out.o"
    subprocess.run([str(LLVM / "ld.lld"), "-r", "--unique", "--gc-sections", "-u", "use_one", "-u", "use_two", "-o", str(out),
                    *map(str, objects)], check=True)
    names = [name for name, _ in sections(out)]
    assert names.count("samsara_globals") == 2
    assert len([name for name in names if name.startswith("samsara_types.")]) == 1


def test_record_goes_with_its_global(tmp_path):
    source, out = tmp_path / "a.c", tmp_path / "out.o"
    source.write_text("int used, unused; int use(void) { return used; }\n")
    subprocess.run([str(LLVM / "clang"), "-g", "-O2", "-ffunction-sections", "-fdata-sections", f"-fpass-plugin={PLUGIN}", "-c",
                    str(source), "-o", str(tmp_path / "a.o")], check=True)
    subprocess.run([str(LLVM / "ld.lld"), "-r", "--unique", "--gc-sections", "-u", "use", "-o", str(out), str(tmp_path / "a.o")],
                   check=True)
    assert [line.split()[1] for line in listing(out).splitlines() if line.startswith("global")] == ["used"]


@pytest.mark.parametrize("untyped", [True, False])
def test_texts_of_untyped_code_are_data_of_their_own(tmp_path, untyped):
    """Each literal of two files, equal ones of the other file, too, is still marked as text; typed code leaves them together."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.c").write_text(
            f'const char *kept_{name}[] = {{"one", "two", ""}}; void put(const char *);\n'
            f'void use_{name}(void) {{ put("passed on"); }} int compare_{name}(const char *s) {{ return __builtin_strcmp(s, "compared"); }}\n')
        subprocess.run([str(LLVM / "clang"), "-g", "-O2", "-ffunction-sections", "-fdata-sections", f"-fplugin={PLUGIN}",
                        f"-fpass-plugin={PLUGIN}", *(["-mllvm", "-samsara-untyped"] if untyped else []), "-emit-llvm", "-c",
                        f"{name}.c", "-o", f"{name}.o"], cwd=tmp_path, check=True)
    subprocess.run([str(LLVM / "ld.lld"), "-r", "--unique", "--lto-newpm-passes=function(early-cse<memssa>)", "-o", "out.o", "a.o", "b.o"],
                   cwd=tmp_path, check=True)
    listed = subprocess.run([str(LLVM / "llvm-readelf"), "-S", "--wide", "out.o"], cwd=tmp_path, check=True, capture_output=True, text=True)
    texts = re.findall(r"(\.rodata\.(?:str|text)\S*) +PROGBITS .* AMS ", listed.stdout)
    found = dict(sections(tmp_path / "out.o"))
    if untyped:
        assert len(texts) == len(set(texts)) == 10
        assert sorted(found[name] for name in texts) == sorted([b"one\0", b"two\0", b"\0", b"passed on\0", b"compared\0"] * 2)
    else:
        assert texts == [".rodata.str1.1"]


def test_a_wrong_annotation_is_found_by_the_scan(tmp_path):
    """The comparison of map and scan (randomizer/mover/test) sees a pointer that the program calls none."""
    folder = ROOT / "randomizer" / "mover"
    source = (folder / "test" / "program.c").read_text()
    assert "secret MOVE_POINTER" in source
    (tmp_path / "program.c").write_text(source.replace("secret MOVE_POINTER", "secret MOVE_PLAIN"))
    flags = ["-std=c23", "-g", "-O2", "-fno-common", f"-I{ROOT}"]
    subprocess.run([str(LLVM / "clang"), *flags, f"-fpass-plugin={PLUGIN}", "-c", str(tmp_path / "program.c"), "-o",
                    str(tmp_path / "program.o")], check=True)
    subprocess.run([str(LLVM / "clang"), *flags, "-o", str(tmp_path / "test"), str(tmp_path / "program.o"),
                    str(folder / "test" / "program_test.c"), str(folder / "type_map.c"), "-lcmocka"], check=True)
    done = subprocess.run([str(tmp_path / "test")], capture_output=True, text=True)
    assert done.returncode != 0
    assert "secret+0 holds a pointer that its map does not know" in done.stderr
