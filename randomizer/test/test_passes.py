# SPDX-License-Identifier: MIT
"""Compiler passes: what they emit (FileCheck on small files), and what the undo log does, on programs of all kinds of stores and
on libext2fs."""
import fcntl
import functools
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("SAMSARA_TEST_BUILD", "build")
PLUGIN = BUILD / "passes" / "undo_log.so"
UNDO = ROOT / "randomizer" / "test" / "undo"
LLVM = Path("/usr/lib/llvm-19/bin")
CASES = sorted([*UNDO.glob("*.ll"), *UNDO.glob("error_*.c")])
# As mk/rules.mk links modules, and without the allocator's promise.
WHOLE_FRESH = "undo-log<closed;fresh;allocator=play_alloc>,function(early-cse<memssa>)"
WHOLE = "undo-log<closed>,function(early-cse<memssa>)"
FRESH = ["-mllvm", "-undo-log-fresh", "-mllvm", "-undo-log-allocators=play_alloc"]


@functools.cache
def make(*targets):
    folder = BUILD.relative_to(ROOT)
    with open(BUILD / "test_passes.lock", "w") as lock:  # the tests may be run by several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-j2", f"O={folder}", *(f"{folder}/{target}" for target in targets)], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL)


@pytest.fixture(autouse=True)
def built():
    make("passes/undo_log.so")


def run_line(path):
    """The words behind RUN: which tool, and its options."""
    line = next(line for line in path.read_text().splitlines() if "RUN:" in line)
    tool, *options = line.split("RUN:")[1].split()
    if tool == "opt":
        return [str(LLVM / "opt"), "-S", "-mtriple=x86_64-unknown-none-elf", f"-load-pass-plugin={PLUGIN}", *options, "-"]
    return [str(LLVM / "clang"), "-g", "-I.", *plugin_flags(), *options, "-S", "-o", "/dev/null",
            str(path)]


def plugin_flags():
    return [f"-fplugin={PLUGIN}", f"-fpass-plugin={PLUGIN}"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_emits(path):
    done = subprocess.run(run_line(path), cwd=ROOT, input=path.read_text(), capture_output=True, text=True)
    assert (done.returncode != 0) == path.name.startswith("error_"), done.stderr
    seen = done.stdout + done.stderr
    check = subprocess.run([str(LLVM / "FileCheck"), str(path)], input=seen, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr + seen


def compiled(folder, source, *options):
    to = folder / (Path(source).stem + ".o")
    subprocess.run([str(LLVM / "clang"), "-std=c23", "-g", "-D_GNU_SOURCE", "-Wall", "-Werror", "-I.", *options, "-c", str(source),
                    "-o", str(to)], cwd=ROOT, check=True)
    return str(to)


def harness(folder):
    return [compiled(folder, "randomizer/test/undo/harness.c", "-O1"),
            compiled(folder, "lib/rt/undo_log.c", "-O2", "-fno-builtin")]


def play(folder, program, options, *arguments, how="files"):
    """Compiles the program and the heap with the pass, file by file or when all is linked, and plays its transactions."""
    flags = {"files": plugin_flags(), "whole": ["-flto"], "whole-fresh": ["-flto"], "without": []}[how]
    passes = {"whole": WHOLE, "whole-fresh": WHOLE_FRESH}.get(how)
    program = [compiled(folder, source, "-fno-strict-aliasing", *flags, *options)
               for source in (program, "randomizer/test/undo/heap.c")]
    binary = folder / "play"
    link = ["-fuse-ld=lld", f"-Wl,--load-pass-plugin={PLUGIN}", "-Xlinker", f"--lto-newpm-passes={passes}"] if passes else []
    subprocess.run([str(LLVM / "clang"), "-o", str(binary), *link, *harness(folder), *program], check=True)
    for numbers in arguments:
        done = subprocess.run([str(binary), *map(str, numbers)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr + f" ({binary})"


def cpu_has(*features):
    words = Path("/proc/cpuinfo").read_text().split()
    return all(feature in words for feature in features)


@pytest.mark.seconds(3)
@pytest.mark.parametrize("options", ["-O0", "-O1", "-O2", "-Os", "-O3 -mavx2", "-O3 -mavx512f -mavx512vl"])
@pytest.mark.parametrize("fresh", [False, True], ids=["", "fresh"])
def test_every_store_is_undone(tmp_path, options, fresh):
    if "avx2" in options and not cpu_has("avx2") or "avx512" in options and not cpu_has("avx512f", "avx512vl"):
        pytest.skip("not on this processor")
    # To the end, many times; and stopped after any number of instructions, which is slow.
    play(tmp_path, "randomizer/test/undo/stores.c", options.split() + (FRESH if fresh else []), (2000, 0), (4, 3), (500, 0, "overflow"))


@pytest.mark.parametrize("options", ["-O0", "-O1", "-O2", "-Os", "-O3 -mavx2"])
@pytest.mark.parametrize("how", ["whole", "whole-fresh"])
def test_every_store_is_undone_in_a_whole_program(tmp_path, options, how):
    if "avx2" in options and not cpu_has("avx2"):
        pytest.skip("not on this processor")
    play(tmp_path, "randomizer/test/undo/stores.c", options.split(), (2000, 0), (4, 3), (500, 0, "overflow"), how=how)


def test_the_test_notices(tmp_path):
    """The same without the pass: nothing is undone, and that shows."""
    with pytest.raises(AssertionError, match="state differs"):
        play(tmp_path, "randomizer/test/undo/stores.c", ["-O1"], (10, 0), how="without")


@pytest.fixture
def volume(tmp_path):
    """Runs operations on an ext4 image as `variant` was compiled; gives the resulting image."""
    make("test/volume-plain", "test/volume-undo", "test/volume-fresh", "test/volume-whole")
    image = tmp_path / "image"
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-b", "1024", str(image), "8M"], check=True,
                   env={"E2FSPROGS_FAKE_TIME": "1700000000"})

    def run(variant, *arguments):
        result = tmp_path / "result"
        done = subprocess.run([str(BUILD / "test" / f"volume-{variant}"), str(image), str(result), "60", *map(str, arguments)],
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        fsck = subprocess.run(["/sbin/e2fsck", "-f", "-n", str(result)], capture_output=True, text=True)
        assert fsck.returncode == 0, fsck.stdout
        return done.stdout, result.read_bytes()
    return run


@pytest.mark.seconds(12)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("variant, exact", [("undo", ["exact"]), ("fresh", []), ("whole", ["exact"])])
def test_libext2fs_undone_and_repeated(volume, variant, exact, seed):
    """From the depth of the library, at any access to the disk and any instruction: in the end nobody can tell."""
    _, undisturbed = volume("plain")
    told, image = volume(variant, seed, *exact)
    assert "undone: 0 at the disk" not in told and " 0 anywhere" not in told, told
    assert image == undisturbed


def test_libext2fs_notices(volume):
    """Without the pass, the same interruptions do damage."""
    with pytest.raises(AssertionError):
        told, image = volume("plain", 1)
        assert image == volume("plain")[1]
