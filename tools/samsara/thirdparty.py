# SPDX-License-Identifier: MIT
"""Libraries of others as services: the answers to a long input must be those that the same sources give on the host.

The guest's program tells the digest of each block of requests; a program of the host (build/tools/thirdparty-reference)
tells what they must be. Meanwhile services are killed, whenever so many blocks are done as the dice say.
"""
import json
import random
import select
import subprocess
import time

from . import BUILD, qemu
from .events import EventReader

LIBRARIES = ("sqlite", "zlib", "mujs")
WAYS = ("null", "jump", "loop", "assert", "exit", "now")
DEATH_WITHIN = 10  # seconds from the order; a hang is found by missed heartbeats
SILENCE = 60  # seconds without a word from the guest, and there is no point in going on


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


def differences(expected, found, seed):
    """Sentences about what differs between two runs' events; of each library the first block only."""
    wanted, got = blocks(expected), blocks(found)
    said = []
    for library in LIBRARIES:
        numbers = sorted(block for name, block in wanted if name == library)
        for block in numbers:
            one, other = wanted[library, block], got.get((library, block))
            if one != other:
                said.append(f"{library}: block {block} of {len(numbers)} "
                            + ("is missing" if not other else "differs: thirdparty-reference "
                               f"{seed} {len(numbers)} {library}:{block} tells its requests, show={library}:{block} the guest's"))
                break
    if len(got) > len(wanted):
        said.append(f"{len(got) - len(wanted)} blocks too many")
    if not said and totals(expected) != totals(found):
        said.append(f"the totals differ: {totals(expected)} and {totals(found)}")
    return said


def refused(event):
    """Who is not born again yet cannot be killed; that order is not repeated."""
    return event["ev"] == "answer" and event.get("to", "").startswith("kill ") and event.get("status") == "ERR_STATE"


class Session:
    """One boot of the image: orders deaths and moves as the guest's work goes on, collects its events."""

    def __init__(self, seed, count, kills=0, moves=0, **machine):
        self.seed, self.count = seed, count
        self.expected = reference(seed, count)
        dice = random.Random(seed)
        steps = len(LIBRARIES) * count
        plan = [(dice.randrange(steps), "kill", way) for way in dice.choices(WAYS, k=kills)]
        plan += [(dice.randrange(steps), "move", "") for _ in range(moves)]
        self.plan = [(at, word, dice.choice(LIBRARIES), way) for at, word, way in sorted(plan)]
        self.machine = qemu.Machine(BUILD / "images" / "thirdparty.cpio", append=f"input={seed} blocks={count}",
                                    memory=1024, **machine)
        self.reader = EventReader()
        self.events = []
        self.blocks_done, self.orders, self.awake, self.done = 0, 0, False, False
        self.dying_until = 0.0  # a death was ordered and not yet seen; after this time it counts as lost
        self.started = self.last_sign = time.monotonic()

    def command(self, line):
        self.machine.events.write(line.encode() + b"\n")

    def order(self, word, service, way):
        self.orders += 1
        if word == "kill":
            self.dying_until = time.monotonic() + DEATH_WITHIN
            self.command(f"kill {service} {way}")
        else:
            self.order_move(service)

    def order_move(self, service):
        """Asks the supervisor to move a service to fresh addresses now."""
        self.command(f"move {service}")

    def step(self):
        """Waits a moment for news and takes it in."""
        lines = [line for line in (self.machine.events, self.machine.console) if not line.closed]
        select.select(lines, [], [], 0.05)
        self.machine.console.read()
        fresh = self.machine.events.read()
        if fresh:
            self.last_sign = time.monotonic()
        for event in self.reader.feed(fresh):
            self.events.append(event)
            if event["ev"] == "hello":  # from now on there is somebody who listens
                self.awake = True
                self.command("start")
            elif event["ev"] == "death" or refused(event):
                self.dying_until = 0.0
            self.done |= event["ev"] == "done"
            self.blocks_done += event["ev"] == "block"
        # One after the other: a second order would hit an endless loop before its silence is noticed.
        if (self.awake and not self.done and self.plan and self.plan[0][0] <= self.blocks_done
                and time.monotonic() > self.dying_until):
            self.order(*self.plan.pop(0)[1:])

    def unanswered(self):
        """Orders (and the start) without an answer yet, or a death that has not come."""
        return 1 + self.orders - sum(e["ev"] == "answer" for e in self.events) or time.monotonic() < self.dying_until

    def run(self):
        """Until the guest is done; ends the machine; returns the result as a dict with `ok` and `problems`."""
        try:
            while not self.done and self.machine.running() and time.monotonic() - self.last_sign < SILENCE:
                self.step()
            limit = time.monotonic() + DEATH_WITHIN
            while self.done and self.unanswered() and time.monotonic() < limit:
                self.step()
            problems = self.end()
        finally:
            self.machine.kill()
        return self.report(problems)

    def end(self):
        problems = [] if self.done else ["the guest did not finish"]
        if self.done:
            self.command("poweroff")
            if self.machine.wait(30) is None:
                problems.append("the machine did not power off within 30 s")
        problems += [f"{e.get('who')}: {e.get('what')}" for e in self.events if e["ev"] == "error"]
        problems += [f"rs gave {e['service']} up: {e.get('why')}" for e in self.events if e["ev"] == "giveup"]
        problems += [f"{e.get('to')}: {e.get('status')} {e.get('text', '')}" for e in self.events
                     if e["ev"] == "answer" and e.get("status") != "OK" and not refused(e)]
        problems += [f"broken event line: {line[:80]!r}" for line in self.reader.garbage[:3]]
        return problems + differences(self.expected, self.events, self.seed)

    def report(self, problems):
        deaths = [e for e in self.events if e["ev"] == "death"]
        births = [e for e in self.events if e["ev"] == "birth" and e["service"] in LIBRARIES]
        per = totals(self.expected)
        return {
            "ok": not problems, "problems": problems, "input": self.seed, "blocks": len(blocks(self.expected)),
            "accel": self.machine.accel, "seconds": round(time.monotonic() - self.started, 1), "libraries": per,
            "requests": sum(entry["requests"] for entry in per.values()),
            "orders": self.orders, "deaths": len(deaths), "moves": sum(e["ev"] == "moved" for e in self.events),
            "deaths_by_cause": {cause: sum(e["cause"] == cause for e in deaths) for cause in sorted({e["cause"] for e in deaths})},
            "distinct_layouts": len({(e["service"], e["seed"]) for e in births}),
        }


RUNS = BUILD / "thirdparty-runs.json"  # a line for each run since `./build.sh test thirdparty` began


def keep(result):
    with open(RUNS, "a") as file:
        file.write(json.dumps(result) + "\n")


def kept():
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.is_file() else []


def show(results, out=print):
    """The figures for people; the verdict is the last line."""
    out(f"{'library':10} {'requests':>9} {'bytes in':>12} {'bytes out':>12}")
    for library in LIBRARIES:
        sums = {key: sum(r["libraries"][library][key] for r in results) for key in ("requests", "in_bytes", "out_bytes")}
        out(f"{library:10} {sums['requests']:9,} {sums['in_bytes']:12,} {sums['out_bytes']:12,}")
    for result in results:
        for problem in result["problems"]:
            out(f"  problem: input {result['input']}: {problem}")
    sums = {key: sum(r[key] for r in results) for key in ("requests", "blocks", "deaths", "moves", "distinct_layouts")}
    verdict = "PASS: every block's answers are the host's" if all(r["ok"] for r in results) else "FAIL: see the problems"
    out(f"{verdict} ({len(results)} inputs, {sums['requests']:,} requests in {sums['blocks']} blocks, {sums['deaths']} deaths, "
        f"{sums['moves']} moves, {sums['distinct_layouts']} layouts)")


def write(results, path):
    text = json.dumps({"ok": all(r["ok"] for r in results), "runs": results}, indent=2)
    print(text) if str(path) == "-" else path.write_text(text + "\n")
