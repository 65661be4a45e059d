# SPDX-License-Identifier: MIT
"""Libraries of others as services: the answers to a long input must be those that the same sources give on the host.

The guest's program tells the digest of each block of requests; a program of the host (build/tools/thirdparty-reference)
tells what they must be. Meanwhile the supervisor moves the services each so many requests, and the host has them killed at
random moments, in all the ways there are.
"""
import random
import select
import subprocess
import time

from . import BUILD, qemu, stats
from .events import EventReader
from .progress import Progress

LIBRARIES = ("sqlite", "zlib", "mujs")
WAYS = ("null", "jump", "loop", "assert", "exit", "now", "silence")
BLOCK_REQUESTS = 25  # of each library; a block ends with the step under way
DEATH_WITHIN = 15  # seconds from the order; a hang is found by missed heartbeats, one in a birth by birth_ms
SILENCE = 60  # seconds without a word from the guest, and there is no point in going on
UNBORN = 0.1  # of the chances to kill somebody who has not completed a request since its last death, so many are taken
SPACE = 2**47  # bytes of user addresses
MOVED = ("bytes", "objects", "pointers", "leaks", "tried", "found", "doubtful")  # what events tell of state taken over

def events_of(text):
    reader = EventReader()
    return reader.feed(text), reader.garbage


def blocks(events):
    """{(library, block): (digest, requests)}"""
    return {(e["library"], e["block"]): (e["sha256"], e["requests"]) for e in events if e["ev"] == "block"}


def totals(events):
    return {e["library"]: {key: e[key] for key in ("requests", "in_bytes", "out_bytes")}
            for e in events if e["ev"] == "library"}


def reference(seed, count):
    """The host's run; returns its events."""
    done = subprocess.run([BUILD / "tools" / "thirdparty-reference", str(seed), str(count)], capture_output=True)
    events, garbage = events_of(done.stdout)
    if done.returncode or garbage or not events or events[-1]["ev"] != "done":
        raise RuntimeError(f"thirdparty-reference failed: {done.stderr.decode(errors='replace')[-500:]}{garbage[:1]}")
    return events


def differences(expected, found, seed, to_the_end=True):
    """Sentences about what differs between two runs' events; of each library the first block only.

    Not to_the_end: the second run was ended early; the blocks that it has must be right."""
    wanted, got = blocks(expected), blocks(found)
    said = []
    for library in LIBRARIES:
        numbers = sorted(block for name, block in wanted if name == library)
        for block in numbers:
            one, other = wanted[library, block], got.get((library, block))
            if one != other and (other or to_the_end):
                said.append(f"{library}: block {block} of {len(numbers)} "
                            + ("is missing" if not other else "differs: thirdparty-reference "
                               f"{seed} {len(numbers)} {library}:{block} tells its requests, show={library}:{block} the guest's"))
                break
    if len(got) > len(wanted):
        said.append(f"{len(got) - len(wanted)} blocks too many")
    if to_the_end and not said and totals(expected) != totals(found):
        said.append(f"the totals differ: {totals(expected)} and {totals(found)}")
    return said


def refused(event):
    """Who is not born again yet cannot be killed; that order is not repeated."""
    return event["ev"] == "answer" and event.get("to", "").startswith(("kill ", "hang ")) and event.get("status") == "ERR_STATE"


def module_bytes(library):
    return (BUILD / "modules" / f"{library}.mod").stat().st_size


def false_pointers(event):
    """How many words of one move, on average, are taken for pointers and are none: each doubtful word is some fixed number, and
    all that lives is somewhere else in each layout."""
    return event["doubtful"] * (event["bytes"] + module_bytes(event["service"])) / SPACE


class Session:
    """One boot of the image: orders deaths as the guest's work goes on, collects its events.

    move_every: requests of a service between two of its moves; kill_every: ms between two deaths, on average. 0: none."""

    def __init__(self, seed, count, move_every=0, kill_every=0, **machine):
        self.seed, self.count, self.move_every, self.kill_every = seed, count, move_every, kill_every / 1000
        self.expected = reference(seed, count)
        self.dice = random.Random(seed)
        append = f"input={seed} blocks={count} move_every_requests={move_every}"
        self.machine = qemu.Machine(BUILD / "images" / "thirdparty.cpio", append=append, memory=1024, **machine)
        self.reader = EventReader()
        self.events = []
        self.blocks_done, self.orders, self.awake, self.done, self.ended_early = 0, 0, False, False, False
        self.dying = {}  # service: a death was ordered and not yet seen; after this time it counts as lost
        self.idle = set()  # services that have not completed a request since they died
        self.next_kill = None
        self.started = self.last_sign = time.monotonic()

    def command(self, line):
        self.orders += 1
        self.machine.events.write(line.encode() + b"\n")

    def awaited(self):
        """Services whose ordered death has not come. One at a time for each: a second order would hit an endless loop before
        its silence is noticed."""
        now = time.monotonic()
        return [service for service, until in self.dying.items() if until > now]

    def kill_on_schedule(self):
        now = time.monotonic()
        if not self.kill_every or not self.awake or self.done:
            return
        if self.next_kill is not None and now >= self.next_kill:
            service, way = self.dice.choice(LIBRARIES), self.dice.choice(WAYS)
            # Most deaths come when it has done something since the last, or a long request would never be completed.
            spared = service in self.idle and self.dice.random() > UNBORN
            if service not in self.awaited() and not spared:
                self.dying[service] = now + DEATH_WITHIN
                self.command(f"hang {service}" if way == "silence" else f"kill {service} {way}")
        if self.next_kill is None or now >= self.next_kill:
            self.next_kill = now + self.kill_every * self.dice.uniform(0, 2)

    def take(self, event):
        self.events.append(event)
        if event["ev"] == "hello":  # from now on there is somebody who listens
            self.awake = True
            self.command("start")
        elif event["ev"] == "death":
            self.dying.pop(event["service"], None)
            self.idle.add(event["service"])
        elif event["ev"] == "recovered":
            self.idle.discard(event["service"])
        elif refused(event):
            self.dying.pop(event["to"].split()[1], None)
        self.done |= event["ev"] == "done"
        self.blocks_done += event["ev"] == "block"

    def step(self):
        """Waits a moment for news and takes it in."""
        lines = [line for line in (self.machine.events, self.machine.console) if not line.closed]
        select.select(lines, [], [], 0.01)
        self.machine.console.read()
        fresh = self.machine.events.read()
        if fresh:
            self.last_sign = time.monotonic()
        for event in self.reader.feed(fresh):
            self.take(event)
        self.kill_on_schedule()

    def count_of(self, kind):
        return sum(event["ev"] == kind for event in self.events)

    def unanswered(self):
        """Orders without an answer yet, or a death that has not come."""
        return self.orders > self.count_of("answer") or self.awaited()

    def progress_line(self):
        return (f"{time.monotonic() - self.started:6.1f} s  block {self.blocks_done} of {len(LIBRARIES) * self.count}, "
                f"{self.count_of('death')} deaths, {self.count_of('moved')} moves")

    def follow(self):
        """Until the guest is done. Ctrl-C ends it early, and what was done until then is judged."""
        with Progress() as progress:
            try:
                while not self.done and self.machine.running() and time.monotonic() - self.last_sign < SILENCE:
                    self.step()
                    progress.show(self.progress_line)
            except KeyboardInterrupt:
                self.ended_early = True
        limit = time.monotonic() + DEATH_WITHIN
        while self.done and self.unanswered() and time.monotonic() < limit:
            self.step()

    def run(self):
        """Until the guest is done; ends the machine; returns the result as a dict with `ok` and `problems`."""
        try:
            self.follow()
            problems = self.end()
        finally:
            self.machine.kill()
        return self.report(problems)

    def end(self):
        problems = [] if self.done or self.ended_early else ["the guest did not finish"]
        if self.done:
            self.command("poweroff")
            if self.machine.wait(30) is None:
                problems.append("the machine did not power off within 30 s")
        problems += [f"{e.get('who')}: {e.get('what')}" for e in self.events if e["ev"] == "error"]
        problems += [f"rs gave {e['service']} up: {e.get('why')}" for e in self.events if e["ev"] == "giveup"]
        problems += [f"{e['service']} died unasked: {e.get('cause')}, {e.get('detail')} at {e.get('place')}"
                     for e in self.events if e["ev"] == "death" and not e.get("asked")]
        problems += [f"{e['service']} was not killed by an order" for e in self.lost_deaths()]
        problems += [f"{e.get('to')}: {e.get('status')} {e.get('text', '')}" for e in self.events
                     if e["ev"] == "answer" and e.get("status") != "OK" and not refused(e)]
        problems += [f"broken event line: {line[:80]!r}" for line in self.reader.garbage[:3]]
        return problems + differences(self.expected, self.events, self.seed, not self.ended_early)

    def lost_deaths(self):
        return [{"service": service} for service in self.dying] if self.done else []

    def of_library(self, library):
        """What happened to one service."""
        mine = [e for e in self.events if e.get("service") == library]
        taken_over = [e for e in mine if e["ev"] in ("moved", "ready") and "move_ns" in e]
        return {
            "deaths": sum(e["ev"] == "death" for e in mine), "moves": sum(e["ev"] == "moved" for e in mine),
            "heirs": sum(e["ev"] == "ready" for e in taken_over),
            "layouts": len({e["seed"] for e in mine if e["ev"] in ("birth", "moved")}),
            "moved": {key: sum(e[key] for e in taken_over) for key in MOVED},
            "pause_ns": stats.spread(e["ns"] for e in mine if e["ev"] == "moved"),
            "false_pointers": sum(map(false_pointers, taken_over)),
        }

    def report(self, problems):
        deaths = [e for e in self.events if e["ev"] == "death"]
        found = blocks(self.events)
        per = {name: entry | self.of_library(name) for name, entry in totals(self.expected).items()}
        return {
            "ok": not problems, "problems": problems, "input": self.seed, "move_every": self.move_every,
            "kill_every_ms": self.kill_every * 1000, "accel": self.machine.accel,
            "seconds": round(time.monotonic() - self.started, 1), "libraries": per,
            "requests": sum(requests for _, requests in found.values()), "blocks": len(found),
            "differences": sum(found[key] != value for key, value in blocks(self.expected).items() if key in found),
            "deaths": len(deaths), "moves": sum(entry["moves"] for entry in per.values()),
            "deaths_by_cause": stats.counts(e["cause"] for e in deaths),
            "layouts": sum(entry["layouts"] for entry in per.values()),
            "ended_early": self.ended_early,
        }


def show(result, out=print):
    """The figures for people; the verdict is the last line."""
    out(f"{'':8}{'requests':>9} {'bytes in':>11} {'bytes out':>11} {'deaths':>7} {'heirs':>6} {'moves':>6} {'pause ms':>9} "
        f"{'moved: bytes':>14} {'objects':>10} {'pointers':>11}")
    for name, entry in result["libraries"].items():
        moved, pause = entry["moved"], entry["pause_ns"]
        out(f"{name:8}{entry['requests']:9,} {entry['in_bytes']:11,} {entry['out_bytes']:11,} {entry['deaths']:7} {entry['heirs']:6} "
            f"{entry['moves']:6} {pause['median'] / 1e6 if pause['n'] else 0:9.1f} {moved['bytes']:14,} {moved['objects']:10,} "
            f"{moved['pointers']:11,}")
    out("deaths: " + (", ".join(f"{n} {cause}" for cause, n in sorted(result["deaths_by_cause"].items())) or "none"))
    for name, entry in result["libraries"].items():
        moved, times = entry["moved"], entry["heirs"] + entry["moves"]
        if times:
            each = entry["false_pointers"] / times
            out(f"{name}: {moved['tried']:,} untyped places tried, {moved['found']:,} taken for pointers, {moved['doubtful']:,} "
                f"doubtful ({moved['doubtful'] / times:,.0f} each time): a false pointer once in "
                + (f"{1 / each:,.0f} moves" if each else "no number of moves"))
    for problem in result["problems"]:
        out(f"  problem: {problem}")
    verdict = ("PASS: every answer is the host's, nothing was lost" if result["ok"] else "FAIL: see the problems")
    verdict = "ended early; " + verdict if result["ended_early"] else verdict
    out(f"{verdict} (input {result['input']}: {result['requests']:,} requests in {result['blocks']} blocks, {result['deaths']} deaths, "
        f"{result['moves']} moves, {result['layouts']} layouts, {result['differences']} blocks differ, {result['seconds']} s)")


def campaign(given):
    """./build.sh test thirdparty: one run with the options of test.py; returns its result."""
    blocks_each = -(-given.requests // (len(LIBRARIES) * BLOCK_REQUESTS))
    log = BUILD / "thirdparty.log"
    return Session(given.input, blocks_each, given.move_every, given.kill_every, cpus=given.cpus, debug_log=str(log)).run()
