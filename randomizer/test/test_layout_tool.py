# SPDX-License-Identifier: MIT
"""samsara-layout as a command, and the GDB commands that stand on it, with a real GDB on a made-up event stream."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("SAMSARA_TEST_BUILD", "build")
TOOL = BUILD / "tools" / "samsara-layout"
SEED = "00112233445566778899aabbccddeeff"

pytestmark = pytest.mark.together


@pytest.fixture(scope="module", autouse=True)
def built():
    """What the tests look at; make knows whether it is there already."""
    folder = BUILD.relative_to(ROOT)
    subprocess.run(["make", f"O={folder}", f"{folder}/tools/samsara-layout", f"{folder}/test/linker/sample-small.mod"],
                   cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def module():
    return BUILD / "test" / "linker" / "sample-small.mod"


def layout(*arguments):
    return subprocess.run([str(TOOL), *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [[], ["m"], ["m", "00", "--symbol"], ["m", "xyz"], ["m", "0" * 65], ["m", ""]])
def test_wrong_use_is_one_line_and_2(arguments):
    done = layout(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "usage" in done.stderr


def test_wrong_options(module):
    assert layout(module, SEED, "--what", "x").returncode == 2
    assert layout(module, SEED, "--symbol", "12zz").returncode == 2


def test_what_is_no_module():
    done = layout(ROOT / "LICENSE", SEED)
    assert done.returncode == 1
    assert done.stderr.endswith("LICENSE: not an ELF file\n")


def test_names_and_addresses(module):
    address = layout(module, SEED, "--name", "sample_check").stdout.strip()
    inside = f"{int(address, 16) + 5:x}"
    assert layout(module, SEED, "--symbol", inside).stdout == "sample_check+0x5 (.text.sample_check)\n"
    assert f"{address}" in layout(module, SEED).stdout
    assert layout(module, SEED, "--name", "nobody").returncode == 1
    assert layout(module, SEED, "--symbol", "1000").returncode == 1
    assert layout(module, "01", "--name", "sample_check").stdout.strip() != address


def test_layout_is_the_same_before_and_after_stripping(module):
    full = module.with_suffix(".mod.full")
    for name in ("sample_check", "sample_big", "start_service"):
        assert layout(module, SEED, "--name", name).stdout == layout(full, SEED, "--name", name).stdout


def gdb(folder, *commands):
    words = ["gdb", "-nx", "-q", "-batch", "-ex", "set architecture i386:x86-64", "-x", str(ROOT / "tools/gdb/samsara.py")]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"SAMSARA_BUILD": str(folder)},
                          cwd=ROOT, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
def test_gdb_finds_a_service(tmp_path, module):
    (tmp_path / "modules").mkdir()
    (tmp_path / "tools").mkdir()
    shutil.copy(TOOL, tmp_path / "tools")
    shutil.copy(module.with_suffix(".mod.full"), tmp_path / "modules" / "sample.mod.full")
    births = [{"t": n, "ev": "birth", "service": "blk", "module": "sample", "incarnation": n, "seed": f"{n:02x}" * 32}
              for n in (1, 2)]
    text = "\n".join(json.dumps(event) for event in births) + '\n{"t":9,"ev":"birth","serv'
    (tmp_path / "debug-events.log").write_text(text)

    for command, n in (("samsara service blk", 2), ("samsara service blk 1", 1)):
        said = gdb(tmp_path, command, "info address sample_check", "info line sample_check")
        address = layout(module, f"{n:02x}" * 32, "--name", "sample_check").stdout.strip().lstrip("0")
        assert f"symbols of blk[{n}] loaded" in said
        assert f"0x{address}" in said
        assert "sample_a.c" in said

    assert "blk" in gdb(tmp_path, "samsara services")
    assert "no birth of 'blk' 7" in gdb(tmp_path, "samsara service blk 7")
    assert "no birth of 'fs'" in gdb(tmp_path, "samsara service fs")
    assert "'samsara help' lists the commands" in gdb(tmp_path, "samsara nonsense")
    (tmp_path / "debug-events.log").unlink()
    assert "no event stream" in gdb(tmp_path, "samsara services")
