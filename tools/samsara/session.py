# SPDX-License-Identifier: MIT
"""One demo run without its screen: the kill schedule, the guest's state as its events tell it, the judgement."""
import itertools
import random
import statistics
import time
from collections import deque

from . import BUILD, disk, qemu
from .events import EventReader
from .model import Model, differences, original_bytes

WAYS = ("null", "jump", "loop", "assert", "exit")
WAY_TEXT = {"null": "null dereference", "jump": "jump to garbage", "loop": "endless loop",
            "assert": "failed assertion", "exit": "unasked exit", "now": "killed outright"}


DEATH_WITHIN = 10.0  # seconds from the order; a hang is found by missed heartbeats, later on a busy machine
ROUNDS_AT_LEAST = 2  # of copies, renames, deletions and appends, after the first pass over all files


class Session:
    """Boots the demo image, kills on schedule, follows the events, judges at the end."""
    DISK = {}  # what disk.make makes unless told otherwise
    NAME = "demo"  # of its files below the build folder

    def __init__(self, given, image=None, boot="demo"):
        self.given = given
        self.kills_wanted, self.every = given.kills, given.every / 1000
        self.targets, self.target = given.service, ",".join(given.service)
        self.image = image or given.folder / f"{self.NAME}.img"
        self.planted = disk.make(self.image, given.disk_seed, keep=self.kept(), **self.DISK)
        self.model = Model(self.planted)
        self.machine = qemu.Machine(
            BUILD / "images" / f"{boot}.cpio", self.image, cpus=given.cpus, memory=given.memory, seed=given.seed,
            accel=given.accel, debug_log=str(given.folder / f"{self.NAME}.log"))
        self.reader = EventReader()
        self.ways, self.next_target = itertools.cycle(WAYS), itertools.cycle(self.targets)
        self.dice = random.Random(given.disk_seed)
        self.killed = 0
        self.services, self.parts = {}, []
        self.originals, self.finals = {}, {}
        self.errors, self.recent = [], deque(maxlen=200)
        self.deaths, self.recoveries, self.layouts = [], [], set()
        self.asked = 0  # of the deaths
        self.strips, self.incidents = {}, {}  # of each service, the last layout and the course of the last death
        self.progress, self.rate, self.rate_from = {}, 0.0, None
        self.done = None
        self.paused = self.finishing = self.quit = False
        self.fatal = None  # a reason to stop at once
        self.started = self.last_sign = time.monotonic()
        self.next_kill = None
        self.dying_until = 0.0  # a death was ordered and not yet seen; after this time it counts as lost

    def kept(self):
        """Where the planted files are, for the judgement."""
        return self.given.folder / f"{self.NAME}-planted"

    # -- following the guest

    def step(self, wait=0.05, also=()):
        """Waits up to wait seconds for news (or for readable descriptors in also) and takes it in."""
        import select
        lines = [line for line in (self.machine.events, self.machine.console) if not line.closed]
        select.select([*lines, *also], [], [], wait)
        self.machine.console.read()
        fresh = self.machine.events.read()
        if fresh:
            self.last_sign = time.monotonic()
        for event in self.reader.feed(fresh):
            handler = getattr(self, "on_" + event["ev"], None)
            try:
                if handler:
                    handler(event)
            except (KeyError, TypeError):
                self.reader.garbage.append(f"incomplete event {event}".encode())
        self.kill_on_schedule()

    def note(self, event, text):
        self.recent.append((event.get("t", 0) / 1e9, text))

    def on_hello(self, event):
        self.command("start")
        self.next_kill = time.monotonic() + self.every

    def on_birth(self, event):
        self.layouts.add((event["service"], event["seed"]))
        if event["incarnation"] > 1:
            self.note(event, f"{event['service']} reborn as incarnation {event['incarnation']}, "
                             f"layout seed {event['seed'][:8]}…")

    def on_death(self, event):
        self.deaths.append(event)
        self.asked += self.was_asked(event)
        if event["service"] in self.targets:
            self.dying_until = 0.0
            if self.next_kill:  # a hang was found late: its heir gets its share of life, too
                self.next_kill = max(self.next_kill, time.monotonic() + self.every / 2)
        self.note(event, f"{event['service']} died: {event.get('detail') or event['cause']} at {event.get('place') or '?'}")

    def on_recovered(self, event):
        self.recoveries.append(event)
        self.note(event, f"{event['service']} serves again after {event['ns'] / 1e6:.1f} ms")

    def on_layout(self, event):
        self.strips[event["service"]] = event

    def on_incident(self, event):
        self.incidents[event["service"]] = event

    def on_giveup(self, event):
        self.errors.append(f"rs gave {event['service']} up: {event.get('why')}")
        self.note(event, self.errors[-1])

    def on_services(self, event):
        self.parts = event["list"] if event.get("part", 1) == 1 else self.parts + event["list"]
        if event.get("part", 1) == event.get("parts", 1):
            self.services = {entry["name"]: entry for entry in self.parts}

    def on_progress(self, event):
        now = event["t"]
        if self.rate_from and now - self.rate_from[0] >= 1e9:
            self.rate = (event["bytes"] - self.rate_from[1]) / (now - self.rate_from[0]) * 1e9
            self.rate_from = (now, event["bytes"])
        elif not self.rate_from or event["bytes"] < self.rate_from[1]:
            self.rate_from = (now, event["bytes"])
        self.progress = event

    def on_original(self, event):
        self.originals[event["path"]] = event["sha256"]

    def on_final(self, event):
        self.finals[event["path"]] = event["sha256"]

    def on_op(self, event):
        self.model.apply(event)

    def on_error(self, event):
        self.errors.append(f"{event.get('who')}: {event.get('what')}")
        self.note(event, self.errors[-1])

    def on_done(self, event):
        self.done = event

    def on_answer(self, event):
        words = event.get("to", "").split()
        if event.get("status") == "ERR_NOT_FOUND" and words[:1] == ["kill"] and words[1] in self.targets:
            known = ", ".join(sorted(self.services)) or "not known yet"
            self.fatal = f"there is no service '{words[1]}'; services: {known}"
        if event.get("status") != "OK":
            self.note(event, f"{event.get('to')}: {event.get('status')} {event.get('text', '')}")
            if event.get("to", "").startswith("kill") and self.next_kill:
                self.dying_until = 0.0
                self.next_kill = min(self.next_kill, time.monotonic() + 0.05)

    # -- acting

    def command(self, text):
        self.machine.events.write(text.encode() + b"\n")

    def kill(self, service, way):
        self.command(f"kill {service} {way}")

    def next_way(self):
        """Each way comes to each target: after every round of them, one is left out."""
        self.killed += 1
        if len(self.targets) % len(WAYS) == 0 and self.killed % len(self.targets) == 0:
            next(self.ways)
        return next(self.ways)

    def was_asked(self, death):
        return death["service"] in self.targets

    def kill_on_schedule(self):
        now = time.monotonic()
        if self.next_kill is None or self.paused or self.done:
            return
        if self.asked >= self.kills_wanted:
            if not self.finishing and self.progress.get("round", 0) >= ROUNDS_AT_LEAST:
                self.command("finish")
                self.finishing = True
            return
        # Not before the death ordered last: a second order would hit the endless loop before its silence is noticed.
        if now >= max(self.next_kill, self.dying_until):
            self.next_kill = now + self.every
            self.dying_until = now + DEATH_WITHIN
            self.kill(next(self.next_target), self.next_way())

    def stalled(self, seconds=60):
        """True if there is no point in going on: the machine ended, or said nothing for that long."""
        return self.fatal or not self.machine.running() or time.monotonic() - self.last_sign > seconds

    # -- judging

    def judge(self):
        """Ends the machine in order, compares everything, returns a dict with `ok` and `problems`."""
        problems = list(self.errors)
        if self.done:
            self.command("poweroff")
            if self.machine.wait(30) is None:
                problems.append("the machine did not power off within 30 s")
        else:
            problems.append("the workload did not end" + (": the machine ended by itself" if not self.machine.running() else ""))
        self.machine.kill()
        if self.done and self.done.get("errors"):
            problems.append(f"the workload saw {self.done['errors']} errors")
        problems += self.model.problems[:5]
        problems += [f"broken event line: {line[:80]!r}" for line in self.reader.garbage[:3]]
        problems += [f"first pass: {line}" for line in differences(self.planted, self.originals)]
        if self.done:
            problems += self.judge_disk()
        return self.report(problems)

    def judge_disk(self):
        problems = []
        expected = self.model.digests(original_bytes(self.kept() / "root"))
        problems += [f"guest's final pass: {line}" for line in differences(expected, self.finals)]
        clean, said = disk.check(self.image)
        if not clean:
            problems.append("e2fsck: " + " / ".join(said.splitlines()[:6]))
        problems += [f"disk as the host reads it: {line}" for line in differences(expected, disk.hash_image(self.image))]
        return problems

    def report(self, problems):
        times = sorted(event["ns"] for event in self.recoveries if event["service"] in self.targets)
        pick = lambda share: times[min(len(times) - 1, int(len(times) * share))] if times else None
        births = [death["service"] for death in self.deaths]
        return {
            "ok": not problems, "problems": problems, "cpus": self.given.cpus, "accel": self.machine.accel, "log": self.machine.debug_log,
            "seconds": round(time.monotonic() - self.started, 1), "deaths": len(self.deaths),
            "deaths_of_target": self.asked, "target": self.target,
            "deaths_by_cause": {cause: sum(death["cause"] == cause for death in self.deaths)
                                for cause in sorted({death["cause"] for death in self.deaths})},
            "deaths_by_service": {name: births.count(name) for name in sorted(set(births))},
            "recovery_ns": {"n": len(times), "p50": pick(.5), "p99": pick(.99), "max": times[-1] if times else None,
                            "mean": round(statistics.fmean(times)) if times else None},
            "distinct_layouts": len(self.layouts), "client_errors": len(self.errors),
            "files_hashed": len(self.originals), "files_final": len(self.finals), "workload": self.done,
        }
