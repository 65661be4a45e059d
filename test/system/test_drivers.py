# SPDX-License-Identifier: MIT
"""Drivers killed under load (image test-blk, servers/drivers/test): every byte right, nothing lost, nothing leaked."""
import re

import pytest


@pytest.fixture
def scratch_disk(tmp_path):
    path = tmp_path / "scratch.img"
    path.write_bytes(bytes(64 << 20))
    return path


def run(boot, path, append, timeout=150, **options):
    """Boots, waits for the verdict; returns what COM1 said."""
    machine = boot("test-blk", path, append=append, **options)
    assert machine.wait(timeout) is not None, "no end\n" + machine.kernel_log()[-2000:]
    machine.console.read()
    said = bytes(machine.console.seen).decode(errors="replace").replace("\r\n", "\n")
    assert "driver_test: passed" in said, said[-2000:] + machine.kernel_log()[-2000:]
    return said


def number(said, name):
    return int(re.search(rf"\b{name}=(\d+)", said)[1])


@pytest.mark.parametrize("cpus", [1, 2])
def test_disk_driver_dies(boot, scratch_disk, cpus, quick):
    kills = 20 if quick else 100
    said = run(boot, scratch_disk, f"kills={kills} requests=2000 every_us=10000", cpus=cpus)
    assert number(said, "kills") == kills
    assert number(said, "repeated") > 0  # there was something under way when it died
    held = re.findall(r"driver memory \d+ handles (\d+); .* ports (\d+) replies (\d+) irqs (\d+)", said)
    assert len(held) == 2 and held[0] == held[1], held


def test_all_drivers_die(boot, scratch_disk, quick):
    run(boot, scratch_disk, f"all=1 kills={20 if quick else 70} requests=1000 every_us=10000")


def test_console_dies(boot, scratch_disk, quick):
    lines = 2000 if quick else 10000
    said = run(boot, scratch_disk, f"lines={lines} kills={lines // 100} every_us=10000")
    numbers = [int(n) for n in re.findall(r"^line (\d{8}) ", said, re.MULTILINE)]
    assert numbers[:lines] == list(range(lines))  # each once, in order
    for n, rest in re.findall(r"^line (\d{8}) (.*)$", said, re.MULTILINE):
        assert rest == ("abcdefghijklmnopqrstuvwxyz" * 6)[: int(n) % 150]


def test_read_only_disk(boot, scratch_disk):
    said = run(boot, scratch_disk, "kills=7 requests=500 every_us=10000",
               drive=f"if=none,id=disk,format=raw,file={scratch_disk},readonly=on")
    assert number(said, "writes") == 0 and number(said, "reads") > 0


def test_bad_medium(boot, scratch_disk, tmp_path):
    rules = tmp_path / "blkdebug.conf"
    rules.write_text('[inject-error]\nevent = "read_aio"\nerrno = "5"\nonce = "off"\n')
    said = run(boot, scratch_disk, "errors=1 writes=0 kills=0 requests=500",
               drive=f"if=none,id=disk,format=raw,file=blkdebug:{rules}:{scratch_disk},rerror=report,werror=report")
    assert number(said, "errors") > 0
    assert number(said, "resets") == 0  # an error that the device reports is no reason to reset it


def test_without_indirect_descriptors(boot, scratch_disk):
    run(boot, scratch_disk, "kills=7 requests=1000 every_us=10000",
        disk_device="virtio-blk-pci,drive=disk,disable-legacy=on,indirect_desc=off")


def test_behind_a_bridge(boot, scratch_disk):
    run(boot, None, "kills=5 requests=500 every_us=10000",
        extra=["-device", "pcie-root-port,id=slot1,chassis=1",
               "-drive", f"if=none,id=disk,format=raw,file={scratch_disk},cache=unsafe",
               "-device", "virtio-blk-pci,drive=disk,disable-legacy=on,bus=slot1"])
