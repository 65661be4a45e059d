# SPDX-License-Identifier: MIT
"""./build.sh storm: every service dies in turn, all get new layouts all the time, and files are worked on; was anything lost?"""
import itertools
import sys
import time

from . import BUILD, stats
from .options import Parser, machine_options, output, services_of, whole, write_json
from .session import DEATH_WITHIN, WAYS, Session

STORM_WAYS = (*WAYS, "now", "silence")
CLIENT = "workload"  # it is asked what a client sees; without an event loop it has no state that could move
# Shares of the looks at the machine: before "the start" everybody has died at least once, and has what it takes to do so.
START, WINDOW = 0.25, 0.2
FEW = 8               # looks: the least of fewer tells of a birth that was just under way, not of what is kept
# A request of the conductor may take three seconds, and its priority is above the disk's: if it loops, everybody below it
# gets no time for so long and is taken for dead. That is a matter of priorities, and drowns what is looked for here.
SPARED = {("conductor", "loop")}
TOGETHER = 3         # services away at one time: what lives must be able to work, or nothing is tested but births
# No orders while the workload, the least urgent of all, gets nothing done: the machine has more of them than it can carry out,
# and would test nothing but its queues. (Under emulation each new layout is new code to translate, which takes tens of ms.)
SERVED_WITHIN = 0.3  # seconds
# What may grow between them. fs and the machine: the volume's caches fill as the workload makes files, up to their limit.
SLACK = {"memory": 64 << 10, "handles": 0, "heap_objects": 64}
CACHES = ("fs",)
COPIES = 4 << 20  # with --check, of a service's own state
KERNEL_SLACK = {"tasks": 1, "threads": 1, "ports": 0, "replies": 2, "memories": 24}


def options(prog):
    parser = Parser(prog=prog, description="Kills or hangs every service in turn and moves all of them to new layouts while a "
                    "workload runs, then judges. Ctrl-C ends the storm early; what happened until then is judged.")
    machine_options(parser)
    parser.add_argument("--deaths", dest="kills", type=whole(0, 1000000), default=10000, metavar="N", help="default 10000")
    parser.add_argument("--every", type=whole(5, 60000), default=50, metavar="MS", help="time between deaths (default 50)")
    parser.add_argument("--move", type=whole(0, 60000), default=100, metavar="MS",
                        help="time between moves of all services (default 100; 0: none)")
    parser.add_argument("--services", metavar="A,B,…", type=services_of("demo"),
                        help="whom to kill and move (default: all that are there, but for the client of the files)")
    parser.add_argument("--ways", metavar="A,B,…", default=",".join(STORM_WAYS), type=ways, help=f"of {', '.join(STORM_WAYS)}")
    parser.add_argument("--check", action="store_true",
                        help="each heir compares what it takes over with what a second look finds, and the file service looks "
                             "for contradictions in its state after each request: slower, and finds out where damage comes from")
    parser.add_argument("--disk-seed", type=whole(0, 2**32), default=1, metavar="N", help="content of the disk (default 1)")
    parser.add_argument("--json", type=output, metavar="FILE", help="write the result there; '-' for standard output")
    parser.set_defaults(service=["every service"], folder=BUILD)
    return parser


def ways(text):
    wrong = set(text.split(",")) - set(STORM_WAYS)
    if wrong:
        import argparse
        raise argparse.ArgumentTypeError(f"'{wrong.pop()}' is none of {', '.join(STORM_WAYS)}")
    return text.split(",")


class Storm(Session):
    """A session in which nobody is spared."""
    NAME = "storm"
    DISK = {"mib": 128, "tree_files": 300, "big_mib": 4}  # less to read than in the demo, so that more is written

    def __init__(self, given):
        self.victims = list(given.services or [])
        self.skipped = {}      # those that cannot be commanded, and why
        self.busy = {}         # service: until when its ordered death is awaited
        self.moving = {}       # the same of its ordered move
        self.served = 0.0      # when the workload last got something done
        self.born = {}         # service: True from its birth until it is ready
        self.births, self.moves, self.refused = {}, [], {}
        self.looks = []        # (deaths so far, {service: its figures}), and the kernel's objects as service ""
        self.lost_events = 0
        self.turn, self.next_move = 0, None
        super().__init__(given, boot="checked" if given.check else "demo")

    # -- following the guest

    def on_hello(self, event):
        super().on_hello(event)
        self.next_kill = None

    def on_progress(self, event):
        """The storm begins when everything is up: with the workload's first words."""
        if any(event.get(what) != self.progress.get(what) for what in ("phase", "bytes", "ops")):
            self.served = time.monotonic()
        super().on_progress(event)
        if self.next_kill is None:
            self.next_kill = time.monotonic()
            self.begin_moves()

    def begin_moves(self):
        self.to_move = (service for _ in itertools.count() for service in list(self.victims))
        self.next_move = time.monotonic() + self.given.move / 1000 if self.given.move else None

    def on_services(self, event):
        super().on_services(event)
        if event.get("part", 1) == event.get("parts", 1) and self.services:
            if not self.given.services and not self.victims:
                self.victims = [name for name in self.services if name != CLIENT]
            for name, entry in self.services.items():
                if entry["state"] == "ready":  # the word of it can have been lost with the conductor
                    self.born[name] = False
            if self.progress.get("round", 0) >= 1:
                self.looks.append((len(self.deaths), {name: entry for name, entry in self.services.items()
                                                      if entry["state"] == "ready" or name == "rs"}))

    def on_machine(self, event):
        if self.looks:
            self.looks[-1][1][""] = event

    def on_birth(self, event):
        super().on_birth(event)
        self.births[event["service"], event["incarnation"]] = event["seed"]
        self.born[event["service"]] = event.get("cause") != "moved"  # a planned one is linked while the old one serves

    def on_ready(self, event):
        self.born[event["service"]] = False

    def on_death(self, event):
        self.busy.pop(event["service"], None)
        self.moving.pop(event["service"], None)
        if not any(old["service"] == event["service"] and old["incarnation"] == event["incarnation"]
                   for old in self.deaths[-50:]):  # the conductor's heir may tell again what it had told
            super().on_death(event)

    def on_moved(self, event):
        self.moving.pop(event["service"], None)
        self.moves.append(event)

    def on_move_gave_up(self, event):
        self.moving.pop(event["service"], None)

    def on_error(self, event):
        if event.get("who") == "conductor":
            self.lost_events += event.get("count", 1)
        else:
            super().on_error(event)

    def on_answer(self, event):
        verb, _, rest = event.get("to", "").partition(" ")
        service, status = rest.partition(" ")[0], event.get("status")
        if verb not in ("kill", "hang", "move") or status == "OK":
            return
        (self.moving if verb == "move" else self.busy).pop(service, None)
        if status in ("ERR_NOT_FOUND", "ERR_RIGHTS"):
            self.skipped[service] = "is not there" if status == "ERR_NOT_FOUND" else "takes no commands"
            self.victims = [name for name in self.victims if name != service]
        else:
            self.refused[verb, status] = self.refused.get((verb, status), 0) + 1

    # -- acting

    def was_asked(self, death):
        return bool(death.get("asked"))

    def finish(self):
        if not self.finishing:
            self.command("finish")
            self.finishing = True

    def kill_on_schedule(self):
        now = time.monotonic()
        if self.next_kill is None or self.done or self.finishing or not self.victims:
            return
        if self.asked >= self.kills_wanted:
            return self.finish() if self.progress.get("round", 0) >= 2 else None
        if self.not_serving(now) >= TOGETHER or self.overloaded(now):
            return  # slower than the schedule; the result tells how much
        if now >= self.next_kill:
            self.next_kill = max(self.next_kill + self.every, now - self.every)
            self.kill_next(now)
        if self.next_move and now >= self.next_move:
            self.next_move = max(self.next_move + self.given.move / 1000 / len(self.victims), now - 0.05)
            service = next(self.to_move)
            if not self.is_away(service, now) and self.moving.get(service, 0) <= now:
                self.moving[service] = now + DEATH_WITHIN
                self.command(f"move {service}")

    def is_away(self, service, now):
        return self.busy.get(service, 0) > now or self.born.get(service, False)

    def overloaded(self, now):
        return now - self.served > SERVED_WITHIN

    def not_serving(self, now):
        return sum(self.is_away(service, now) for service in self.victims)

    def kill_next(self, now):
        """The next in turn that is not dying already; each turn everybody dies in another way.

        Whoever is still being born is spared but for one turn in ten."""
        for _ in range(len(self.victims)):
            round_, index = divmod(self.turn, len(self.victims))
            self.turn += 1
            service, way = self.victims[index], self.given.ways[(round_ + index) % len(self.given.ways)]
            unborn = self.born.get(service) and (round_ + index) % 10
            if self.busy.get(service, 0) <= now and not unborn and (service, way) not in SPARED:
                self.busy[service] = now + DEATH_WITHIN
                return self.command(f"hang {service}" if way == "silence" else f"kill {service} {way}")

    # -- judging

    def storm_seconds(self):
        """Guest time from the first ordered death to the last."""
        times = [death["t"] for death in self.deaths if self.was_asked(death)]
        return (max(times) - min(times)) / 1e9 if times else 0.0

    def report(self, problems):
        growth = growths(self.looks, self.given.check)
        problems += [f"{line['service'] or 'kernel'}: {line['what']} grew from {line['from']} to {line['to']}"
                     for line in growth if line["grew"]]
        seeds = list(self.births.values())
        if len(set(seeds)) < len(seeds):
            problems.append(f"{len(seeds) - len(set(seeds))} layouts were seen twice")
        unasked = [death for death in self.deaths if not death.get("asked")]
        result = super().report(problems)
        pauses = [move["ns"] for move in self.moves]
        return result | {
            "every_ms": self.given.every, "move_ms": self.given.move,
            "storm_seconds": round(self.storm_seconds(), 1), "victims": self.victims, "skipped": self.skipped,
            "births": len(seeds), "layouts_twice": len(seeds) - len(set(seeds)), "moves": len(self.moves),
            "moves_by_service": stats.counts(move["service"] for move in self.moves),
            "move_pause_ns": stats.spread(pauses), "lost_events": self.lost_events,
            "recovery_by_service_ns": {name: stats.spread([event["ns"] for event in self.recoveries if event["service"] == name])
                                       for name in self.victims},
            "refused": {f"{verb} {status}": count for (verb, status), count in sorted(self.refused.items())},
            "unasked": [f"{death['service']}[{death['incarnation']}] {death['cause']}: {death.get('detail')} at "
                        f"{death.get('place') or '?'}" for death in unasked],
            "growth": growth, "looks": len(self.looks),
        }


def lowest(looks, name, what):
    """{how far its spare was: the least that it held then}. Spares belong to the service's account, and copies of its state."""
    least = {}
    for _, look in looks:
        if name in look and what in look[name]:
            spare = look[name].get("spare", 0)
            least[spare] = min(least.get(spare, look[name][what]), look[name][what])
    return least


def growths(looks, copies=False):
    """What each service and the kernel held at the start (when everything was warm) and at the end. What leaks is missing
    whatever the spare is like, so it shows in each comparison of like with like. copies: each service keeps a copy of its
    state besides, in new memory whenever that has grown."""
    n, start = int(len(looks) * WINDOW), int(len(looks) * START)
    if n < FEW or len(looks) < start + 2 * n:
        return []
    lines = []
    names = {name for _, look in looks for name in look} - {CLIENT}
    for name in sorted(names):
        slack = KERNEL_SLACK if name == "" else SLACK
        if copies:
            slack = slack | ({"memories": 3 * slack["memories"]} if name == "" else {"memory": COPIES})
        for what, allowed in slack.items():
            first, last = (lowest(part, name, what) for part in (looks[start:start + n], looks[-n:]))
            pairs = sorted((first[spare], last[spare]) for spare in first.keys() & last.keys())
            if pairs:
                grew = all(after > before + allowed for before, after in pairs) and not (name in CACHES and what != "handles")
                lines.append({"service": name, "what": what, "from": pairs[0][0], "to": pairs[0][1], "grew": grew})
    return lines


def progress_line(session):
    now = session.progress
    return (f"{time.monotonic() - session.started:6.1f} s  deaths {session.asked}/{session.kills_wanted}, "
            f"moves {len(session.moves)}, unasked deaths {len(session.deaths) - session.asked}  "
            f"{now.get('phase', 'starting')} round {now.get('round', 0)}, {now.get('bytes', 0) >> 20} MiB, "
            f"{now.get('ops', 0)} operations, errors {len(session.errors)}")


def follow(session, seconds=5):
    """Until the workload is done. Ctrl-C once: let it end now; twice: give up."""
    from .progress import Progress
    with Progress(seconds) as progress:
        while not (session.done or session.stalled()):
            try:
                session.step(0.02)
                progress.show(lambda: progress_line(session))
            except KeyboardInterrupt:
                if session.finishing:
                    raise
                print("\nthe storm ends; the workload hashes everything once more (Ctrl-C again gives up)", file=sys.stderr)
                session.finish()


def show(result):
    causes = ", ".join(f"{count} {cause}" for cause, count in result["deaths_by_cause"].items()) or "none"
    deaths, storm_ms = result["deaths"], result["storm_seconds"] * 1000
    print(f"deaths: {deaths} ({causes}), one each {storm_ms / max(1, deaths):.0f} ms (asked for: {result['every_ms']})")
    each = storm_ms * len(result["victims"]) / max(1, result["moves"])
    print(f"moves: {result['moves']}, each service every {each:.0f} ms (asked for: {result['move_ms'] or 'none'})")
    print(f"{'service':12} {'deaths':>7} {'moves':>7} {'recovery ms: median':>20} {'p99':>9} {'max':>9}   memory, handles, objects: start > end")
    for name in result["victims"]:
        held = {line["what"]: f"{line['from']:,.0f} > {line['to']:,.0f}" for line in result["growth"] if line["service"] == name}
        times = result["recovery_by_service_ns"].get(name) or {}
        cells = [f"{times[key] / 1e6:.2f}" if times.get("n") else "" for key in ("median", "p99", "max")]
        print(f"{name:12} {result['deaths_by_service'].get(name, 0):>7} {result['moves_by_service'].get(name, 0):>7} "
              f"{cells[0]:>20} {cells[1]:>9} {cells[2]:>9}   " + ", ".join(held.values()))
    for name, why in result["skipped"].items():
        print(f"{name:12} left out: it {why}")
    for line in result["growth"]:
        if line["service"] in ("", "rs"):
            print(f"{line['service'] or 'kernel':12} {line['what']}: {line['from']:,.0f} > {line['to']:,.0f}")
    for text, count in sorted(stats.counts(result["unasked"]).items()):
        print(f"  not ordered: {text}" + (f" ({count} times)" if count > 1 else ""))
    if result["lost_events"]:
        print(f"  {result['lost_events']} events were lost while the conductor was dead")
    for problem in result["problems"]:
        print(f"  problem: {problem}")
    flat = "nothing grew" if result["growth"] else f"too few looks ({result['looks']}) to tell what grows"
    verdict = (f"PASS: all hashes equal, e2fsck clean, no client saw an error, {flat}, no layout twice" if result["ok"]
               else f"FAIL: {len(result['problems'])} problems, see above; log: {result['log']}")
    print(f"{verdict} ({result['deaths']} deaths, {result['births']} layouts, {result['seconds']} s, {result['cpus']} CPU, "
          f"{result['accel']})")


def main(given):
    session = Storm(given)
    try:
        follow(session)
        result = session.judge()
    finally:
        session.machine.kill()
    if given.json:
        write_json(given.json, result)
    if str(given.json) != "-":
        show(result)
    if session.machine.complaint():
        print(session.machine.complaint(), file=sys.stderr)
    return 0 if result["ok"] else 1
