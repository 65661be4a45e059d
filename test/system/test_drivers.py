# SPDX-License-Identifier: MIT
"""Drivers killed under load (image test-blk, servers/drivers/test): every byte right, nothing lost, nothing leaked."""
import re
import time

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
    held = re.findall(r"blk memory \d+ heap \d+ handles (\d+); .* ports (\d+) replies (\d+) irqs (\d+)", said)
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

SPARE = 3 << 20  # there may be one or not
REPLIES = 2  # so many more Reply objects lie in a pool once several clients have waited at a time


def speak(machine, timeout):
    """Writes numbered lines to COM1 until the guest has had enough; returns how many."""
    lines, limit = 0, time.monotonic() + timeout
    while b"the last lines, please" not in machine.console.seen and machine.running():
        assert time.monotonic() < limit, machine.kernel_log()[-3000:]
        machine.console.read()
        if len(machine.console.seen) > lines * 20:  # as fast as it is listened to
            machine.console.write(b"in %08u\n" % lines)
            lines += 1
        time.sleep(0.005)
    machine.console.write(b"end\n")
    return lines


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.seconds(16)
def test_battery(boot, scratch_disk, cpus, quick):
    """Console, PCI, clock, entropy and disk: 30 times each in six ways to die and moved, in random order, under load."""
    machine = boot("test-blk", scratch_disk, append=f"battery={4 if quick else 30}", cpus=cpus)
    lines = speak(machine, 900)
    assert machine.wait(60) is not None, "no end\n" + machine.kernel_log()[-2000:]
    machine.console.read()
    said = bytes(machine.console.seen).decode(errors="replace").replace("\r\n", "\n")
    assert "driver_test: passed" in said, said[-2000:] + machine.kernel_log()[-2000:]
    assert number(said, "errors") == 0 and number(said, "in") == lines
    out = [int(n) for n in re.findall(r"^out (\d{8})$", said, re.MULTILINE)]
    assert out == list(range(number(said, "out")))
    assert all(re.fullmatch(r"out \d{8}|(before|after|time|battery|driver_test|death).*|", line)
               for line in said.split("\n")), said[-2000:]
    held = {when: {name: tuple(map(int, numbers)) for name, *numbers in
                   re.findall(rf"^{when}: (\w+) memory (\d+) heap (\d+) handles (\d+)", said, re.MULTILINE)}
            for when in ("before", "after")}
    assert len(held["after"]) == 5
    for service, (memory, heap, handles) in held["after"].items():
        before = held["before"][service]
        assert memory <= before[0] + SPARE and heap <= before[1] + 1024 and handles <= before[2] + REPLIES, held


MOVE_MOST, CRASH_MOST = 300_000, 600_000  # instructions: nobody there at a planned move; from a death to the next answer


@pytest.mark.seconds(7)
def test_nobody_waits_for_long(boot, scratch_disk, quick):
    """With instructions as the clock, a spare linked, and nothing else to do."""
    said = run(boot, scratch_disk, f"measure={10 if quick else 100}", 300, extra=["-icount", "shift=0,sleep=off"])
    found = re.findall(r"(move|crash) (\w+): p50=\d+ p99=(\d+)", said)
    assert len(found) == 10, said
    for what, service, p99 in found:
        assert int(p99) <= (MOVE_MOST if what == "move" else CRASH_MOST), said
