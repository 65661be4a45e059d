# SPDX-License-Identifier: MIT
"""A thousand restarts: memory, handles and quotas are flat afterwards; deaths of every kind are told apart."""
import json
import time

import pytest
from conftest import Shell

from tools.samsara.events import EventReader

RESTARTS = 1000


class Conductor:
    """Speaks the event line's command language."""

    def __init__(self, machine):
        self.machine, self.reader, self.seen = machine, EventReader(), []
        self.looked_at = 0  # of seen: one read may bring several events, and the next wait needs the later ones

    def pump(self):
        self.seen += self.reader.feed(self.machine.events.read())

    def skip(self):
        """What came until now is of no interest."""
        self.pump()
        self.looked_at = len(self.seen)

    def until(self, wanted, timeout=30):
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            self.pump()
            while self.looked_at < len(self.seen):
                self.looked_at += 1
                if wanted(self.seen[self.looked_at - 1]):
                    return self.seen[self.looked_at - 1]
            time.sleep(0.002)
        raise TimeoutError(f"no such event; last: {self.seen[-3:]}")

    def command(self, text):
        self.machine.events.write(text.encode() + b"\n")
        return self.until(lambda event: event["ev"] == "answer" and event.get("to") == text)

    def kill_and_wait(self, service, way):
        while self.command(f"kill {service} {way}")["status"] == "ERR_STATE":
            time.sleep(0.005)
        return self.until(lambda event: event["ev"] == "ready" and event["service"] == service)

    def services(self):
        part = self.until(lambda event: event["ev"] == "services" and event.get("part", 1) == 1)
        entries = list(part["list"])
        for _ in range(part.get("parts", 1) - 1):
            entries += self.until(lambda event: event["ev"] == "services")["list"]
        return {entry["name"]: entry for entry in entries}


WATCHED = ("blk", "fs", "pci", "console", "rs")
COPIED = 3  # enum spare of interfaces/rs.idl


def held(services):
    return {name: (entry["memory"], entry.get("handles")) for name, entry in services.items() if name in WATCHED}


def at_rest(conductor, looks=5):
    """Once nothing changes any more. Spares are linked when there is time, copy ahead when there is more, and hold memory for both."""
    limit, before, same = time.monotonic() + 30, None, 0
    while same < looks:
        assert time.monotonic() < limit, (before, {name: entry["spare"] for name, entry in services.items()})
        conductor.skip()
        services = conductor.services()
        ready = all(entry["spare"] == COPIED for name, entry in services.items() if name in WATCHED)
        same = same + 1 if ready and held(services) == before else 0
        before = held(services)
    return services


LIVES = 5
SLACK = 32 << 10  # of the best of some layouts against the best of some others: up to five pages of tables were seen


def least(conductor):
    """Of several lives of blk: page tables need more or fewer pages as the layouts fall, spare's included."""
    seen = []
    for _ in range(LIVES):
        conductor.kill_and_wait("blk", "now")
        seen.append(at_rest(conductor))
    services = seen[-1]
    for name in services:
        services[name]["memory"] = min(one[name]["memory"] for one in seen)
    return services


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.seconds(17)
def test_flat_after_many_restarts(boot, small_disk, cpus, quick):
    machine = boot("demo", small_disk[0], cpus=cpus)
    conductor = Conductor(machine)
    conductor.until(lambda event: event["ev"] == "hello", 60)
    conductor.until(lambda event: event["ev"] == "services")
    for _ in range(20):  # warm up: tables and caches reach their size
        conductor.kill_and_wait("blk", "null")
    before = least(conductor)
    rounds = (60 if quick else RESTARTS) // (1 if cpus == 1 else 4)
    for number in range(rounds):
        conductor.kill_and_wait("blk", ("null", "jump", "assert", "exit", "now")[number % 5])
    after = least(conductor)
    assert after["blk"]["incarnation"] == before["blk"]["incarnation"] + rounds + LIVES
    for name in WATCHED:
        if name in before:
            assert after[name]["memory"] <= before[name]["memory"] + SLACK, (name, before[name], after[name])
            assert after[name].get("handles") == before[name].get("handles"), (name, before[name], after[name])
    seeds = [event["seed"] for event in conductor.seen if event["ev"] == "birth" and event["service"] == "blk"]
    assert len(set(seeds)) == len(seeds)


def until_ready(shell, service):
    """Some services begin when the shell is there already."""
    limit = time.monotonic() + 20
    while not any(line.split()[:2] == [service, "ready"] for line in shell.run("ps").splitlines()):
        assert time.monotonic() < limit, shell.run("ps")
        time.sleep(0.1)


EXPECTED = {"null": "exception", "jump": "exception", "loop": "hang", "assert": "assert", "exit": "exit"}


@pytest.mark.parametrize("service", ["blk", "console", "pci", "fs", "time", "entropy"])
def test_every_service_dies_every_death(boot, small_disk, service):
    machine = boot("run", small_disk[0])
    shell = Shell(machine)
    until_ready(shell, service)
    for way, cause in EXPECTED.items():
        said = shell.run(f"kill {service} {way}")
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            line = next(line for line in shell.run("ps").splitlines() if line.split()[:1] == [service])
            if cause in line and ("ready" in line or "running" in line):
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"{service} after {way}: {line}\n{said}")
    assert "sizes" in shell.run("ls /")


@pytest.mark.seconds(9)
def test_a_disk_driver_without_memory(boot, small_disk):
    """One that was born afresh knows no sessions; whoever has one in use opens it again, and no request is lost."""
    machine = boot("demo", small_disk[0])
    conductor = Conductor(machine)
    conductor.until(lambda event: event["ev"] == "hello", 60)
    conductor.command("start")
    for number in range(4):
        for _ in range(50):
            conductor.until(lambda event: event["ev"] == "op")
        assert machine.kernel_log().count("forgotten its session: done") == number
        assert conductor.command("restart blk")["status"] == "OK"
        conductor.until(lambda event: event["ev"] == "ready" and event["service"] == "blk")
        conductor.skip()
    for _ in range(50):
        conductor.until(lambda event: event["ev"] == "op")
    assert not [event for event in conductor.seen if event["ev"] == "error"]
    assert {event["service"] for event in conductor.seen if event["ev"] == "death"} == {"blk"}
