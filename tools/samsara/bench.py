# SPDX-License-Identifier: MIT
"""./build.sh bench: figures in guest instructions beside those of the peers; `bench peers` measures Linux here."""
import argparse
import fcntl
import itertools
import json
import re
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path

from . import BUILD, disk, qemu
from .options import Parser, machine_options, output, whole

LINE = re.compile(r"\bB (\S+)\s+(.*)")
FIRST_SERVICE = re.compile(r"\] (?!rs\[)\w+\[1\]: ")  # the first words of a service in the log
GROUPS = {"messages": 1, "memory": 2, "tasks": 4, "interrupt": 8, "files": 16, "recovery": 32, "move": 64, "kill": 128,
          "block": 256, "moving": 512}
LONG = ("move", "kill", "moving")  # only when asked for
MANY = (16, 1250)        # directories and files for the groups that want a file service with much to know


def group(text):
    words = [*GROUPS, "boot", "peers", "cost"]
    if text not in words:
        raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(words)}")
    return text


def options(prog):
    parser = Parser(prog=prog, description="Measures under -icount shift=0: figures are guest instructions and repeat "
                    "exactly. Wall time of the same measurements, without icount, stands beside them.")
    machine_options(parser)
    parser.add_argument("what", nargs="*", type=group, metavar="GROUP",
                        help=f"{', '.join(GROUPS)}, boot, peers, or cost: what "
                        f"transactions cost, alone (default: all but {', '.join(LONG)}, peers and cost)")
    parser.add_argument("--json", type=output, metavar="FILE", help="write the figures there")
    parser.add_argument("--no-wall", action="store_true", help="leave out the second run that takes wall times")
    parser.add_argument("--boots", type=whole(1, 50), default=7, help="boots to take the median of (default 7)")
    return parser


def parse(text):
    """{name: {key: number}} from lines 'B name key=value …'; also the failures that were reported."""
    figures, failures = {}, []
    for line in text.splitlines():
        match = LINE.search(line)
        if not match:
            continue
        name, rest = match.groups()
        if rest.startswith("failed:"):
            failures.append(f"{name}: {rest[8:]}")
            continue
        values = {key: float(value) for key, value in re.findall(r"(\S+?)=([\d.]+)", rest)}
        if name == "done" or not values:
            continue
        while name in figures:  # the same step again (cached read): the later one, when all is warm, counts
            figures.pop(name)
        figures[name] = values
    return figures, failures


def value_of(figure, key=None):
    """The one number of a figure: that of the key, else without the wait for the host's disk, else the median or mean."""
    for word in (key, "busy", "ticks_per_KiB", "ticks", "med", "s", "percent", "n"):
        if word in figure:
            return figure[word]
    return None


def wall_ns(figure):
    """Nanoseconds of wall time for one operation, or one KiB; None where the figure has none."""
    if "MBs" in figure:
        return 1e9 / (figure["MBs"] * 1024)
    return figure.get("ns")


def run_guest(given, icount, groups, build=BUILD, name="bench"):
    """Boots a bench image and waits for its end; returns (figures, failures)."""
    image = build / "bench.img"
    disk.make(image, seed=3, mib=1024, tree_files=50, big_mib=0, many=MANY if groups & GROUPS["move"] else (0, 0))
    with qemu.Machine(build / "images" / f"{name}.cpio", image, cpus=given.cpus, memory=given.memory, seed=given.seed or 1,
                      accel="tcg", icount=icount, append=f"bench.groups={groups}", kernel=build / "kernel.elf",
                      debug_log=str(build / "bench.log")) as machine:
        shown, limit = 0, time.monotonic() + 3600
        while machine.wait(0.5) is None and time.monotonic() < limit:
            lines = [line for line in machine.kernel_log().splitlines() if LINE.search(line)]
            for line in lines[shown:]:
                print("  " + line[line.index("B "):], file=sys.stderr, flush=True)
            shown = len(lines)
            if lines and "B done" in lines[-1]:
                break
        log = machine.kernel_log()
    if "B done" not in log:
        raise RuntimeError("the guest did not finish; last of its log:\n" + "\n".join(log.splitlines()[-10:]))
    return parse(log)


def boot_times(given):
    """Seconds of wall time from the start of QEMU to the first service and to the shell's prompt; medians."""
    image = BUILD / "bench-boot.img"
    disk.make(image, seed=3, mib=64, tree_files=20, big_mib=0)
    first, shell = [], []
    for _ in range(given.boots):
        with qemu.Machine(BUILD / "images" / "run.cpio", image, cpus=given.cpus, accel="tcg",
                          debug_log=str(BUILD / "bench-boot.log")) as machine:
            at_first = None
            limit = time.monotonic() + 30
            while time.monotonic() < limit:
                time.sleep(0.002)
                machine.console.read()
                if at_first is None and FIRST_SERVICE.search(machine.kernel_log()):
                    at_first = time.monotonic() - machine.started
                if b"samsara:" in machine.console.seen:
                    break
            else:
                raise RuntimeError("no shell prompt within 30 s:\n" + machine.kernel_log()[-500:])
            shell.append(time.monotonic() - machine.started)
            first.append(at_first or shell[-1])
    middle = lambda values: sorted(values)[len(values) // 2]
    return {"boot_to_first_service": {"s": round(middle(first), 3)}, "boot_to_shell": {"s": round(middle(shell), 3)}}


def rows(figures, known):
    """(name of the row, its entry, number) of each known figure that was measured. Several rows may show one figure, each
    another `key` of it."""
    for name, entry in known.items():
        figure = entry.get("figure", name)
        if figure in figures:
            yield name, figure, entry, value_of(figures[figure], entry.get("key"))


def table(figures, wall, known, linux):
    """Lines of the report: each figure beside its bar and the peers, then the best that is known of others."""
    peers = ("seL4", "NOVA", "Linux")
    yield f"{'measurement':58} {'Samsara':>12} {'bar':>10} {'ns wall':>10} " + " ".join(f"{p:>9}" for p in peers)
    shown = set()
    for name, figure, entry, number in rows(figures, known):
        shown.add(figure)
        bar = entry.get("bar")
        mark = " " if bar is None else ("+" if number <= bar else "!")
        clock = wall_ns(wall.get(figure, {}))
        cells = dict(entry.get("peers", {}))
        if figure in linux:
            cells["Linux"] = value_of(linux[figure])
        yield (f"{mark} {entry['what'][:56]:56} {number:>12,.6g} {'' if bar is None else format(bar, ',.6g'):>10} "
               f"{'' if clock is None else format(clock, ',.0f'):>10} "
               + " ".join(f"{format(cells[p], ',.6g') if p in cells else '':>9}" for p in peers)
               + (f"  best known: {entry['best']}" if "best" in entry else "")).rstrip()
    for name in figures:
        if name not in shown:
            yield f"  {name:56} {value_of(figures[name]):>12,.6g}"


def lost_throughput(figures):
    """{kill_VERB_PERIOD_lost: {"percent": …}}: how much more work a MiB took while the driver died, or all were moved, that
    often."""
    lost = {}
    for what, verb in itertools.product(("kill", "moving"), ("read", "write")):
        alone = figures.get(f"{what}_{verb}_off")
        for name in [name for name in figures if alone and re.fullmatch(rf"{what}_{verb}_\d+ms", name)]:
            lost[name + "_lost"] = {"percent": round(100 * (1 - alone["med"] / figures[name]["med"]), 2)}
    return lost


def measure_linux():
    """Linux's figures by lxbench, renamed to ours where the step is the same; kept in build/peers/linux.json."""
    from . import peers
    text, booted = peers.boot(icount=True)
    figures, _ = parse(text)
    figures["boot_icount"] = {"s": booted}
    (BUILD / "peers" / "linux.json").write_text(json.dumps(figures, indent=2))
    return figures


@contextmanager
def alone(folder=BUILD):
    """Two at a time would share a disk and a log, and one would tell the other's figures."""
    with open(folder / "bench.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("./build.sh bench: another measurement runs in this folder; wait for its end, or use another clone")
        yield


def main(given):
    with alone():
        return measure(given)


def measure(given):
    if "cost" in given.what:
        from . import cost
        return cost.main(given)
    known = tomllib.loads((Path(__file__).parent / "bench_peers.toml").read_text())
    wanted = given.what or [*(word for word in GROUPS if word not in LONG), "boot"]
    kept = BUILD / "peers" / "linux.json"
    linux = measure_linux() if "peers" in wanted else json.loads(kept.read_text()) if kept.is_file() else {}
    groups = sum(GROUPS[word] for word in wanted if word in GROUPS)
    figures, failures, wall = {}, [], {}
    if groups:
        figures, failures = run_guest(given, True, groups)
        if not given.no_wall and not set(wanted) <= set(LONG):
            wall, _ = run_guest(given, False, groups)
    if "boot" in wanted:
        figures |= boot_times(given)
    figures |= lost_throughput(figures)
    for line in table(figures, wall, known, linux):
        print(line)
    missed = [name for name, _, entry, number in rows(figures, known) if number > entry.get("bar", number)]
    print(f"guest instructions (-icount shift=0), one CPU; '+' within its bar, '!' misses it: {len(missed)} missed"
          + (": " + ", ".join(missed) if missed else ""))
    if not set(wanted) <= set(LONG):
        print("Linux: " + ("measured on this machine" if linux else "earlier figures; './build.sh bench peers' measures it here"))
    print("Waiting for the disk, which the host plays, is not counted in Samsara's figures, and is in those of Linux.")
    print("rep movsb counts one instruction a byte here, and a CR3 write flushes the whole TLB of TCG.")
    for failure in failures:
        print(f"could not be measured: {failure}")
    if given.json:
        given.json.write_text(json.dumps({"instructions": figures, "wall": wall, "linux": linux, "failures": failures,
                                          "missed": missed, "cpus": given.cpus}, indent=2) + "\n")
    return 1 if failures else 0
