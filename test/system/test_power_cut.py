# SPDX-License-Identifier: MIT
"""Power cuts: QEMU is killed at random moments of the workload; e2fsck replays the journal and finds nothing else to do
(repairs, where there is none), and no untouched file is lost."""
import json
import random
import time

import pytest

from tools.samsara import disk
from tools.samsara.events import EventReader

CUTS = 50


def untouched_after(machine, seconds):
    """Lets the workload run that long; returns the paths it was told to touch, as its events say."""
    reader, touched, limit = EventReader(), set(), time.monotonic() + 60
    started = False
    while time.monotonic() < limit:
        time.sleep(0.005)
        for event in reader.feed(machine.events.read()):
            if event["ev"] == "hello":
                machine.events.write(b"start\n")
                started = True
                limit = time.monotonic() + seconds
            if event["ev"] == "op":
                touched |= {event["path"], event.get("to", event["path"])}
        assert machine.running(), "the machine ended by itself"
    assert started
    return touched


@pytest.mark.parametrize("journal, cuts", [(True, CUTS), (False, 10)])
@pytest.mark.seconds(15)
def test_power_cuts(boot, tmp_path, quick, journal, cuts):
    dice = random.Random(5)
    pristine = tmp_path / "pristine.img"
    planted = disk.make(pristine, seed=21, mib=64, tree_files=150, big_mib=2,
                        options=() if journal else ("-O", "^has_journal"))
    lost = []
    for cut in range(5 if quick else cuts):
        path = tmp_path / "cut.img"
        path.write_bytes(pristine.read_bytes())
        machine = boot("demo", path, append="workload.quick=1")
        touched = untouched_after(machine, dice.uniform(0.05, 3.0))
        machine.kill()
        whole, said = disk.repair(path, journal)
        if not whole:
            lost.append(f"cut {cut}: e2fsck: {said[-600:]}")
            continue
        found = disk.hash_image(path)
        lost += [f"cut {cut}: {name}" for name, digest in planted.items()
                 if not name.startswith("/work") and name not in touched and found.get(name) != digest]
    assert not lost, "\n".join(lost[:20])
