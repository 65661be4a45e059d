# SPDX-License-Identifier: MIT
"""./build.sh bench cost: what transactions cost when nothing fails, and what it costs to move all services all the time.

Two builds of the same sources, with undo log and type maps and without (TX=0), run the file and block measurements under
-icount. Compared is busy time: instructions of all processors, those of the kernel and of the callers included, without
the waiting for the host's disk. No spares in either (images/cost): they would work while the host's disk is waited for.
"""
import statistics
import subprocess

from . import BUILD, ROOT, bench
from .options import write_json

PLAIN = ROOT / "build-plain"
COMPARED = ("messages", "files")
# How many completed requests one interrupt tells is the host's choice, and another one in each boot, by some 5 % of the figure.
# So blocks are measured in many boots, the two builds in turn.
BOOTS = 9
BAR, BAR_MOVING = 5.0, 10.0  # per cent
BEST = "2.7 % and 5 % for an undo log; 14.9 % for moving code alone every 50 ms"
KEYS = ("busy", "med")


def build_plain():
    """The variant without transactions, in a directory of its own."""
    subprocess.run(["make", "-s", "-j2", f"O={PLAIN.name}", "TX=0", f"{PLAIN.name}/kernel.elf", f"{PLAIN.name}/images/cost.cpio"],
                   cwd=ROOT, check=True)


def number(figure):
    return next((figure[key] for key in KEYS if key in figure), None)


def operations(figure):
    """By how many operations, or KiB, a figure has been divided."""
    return figure["bytes"] / 1024 if "bytes" in figure else figure.get("n", 1)


def compare(plain, with_tx):
    """[{name, without, with, percent}] of figures that both have, and the sum over all files and all blocks. A bulk write's
    figure with its fsync contains the one without, which is left out of the sum."""
    rows, sums = [], {}
    for name, figure in plain.items():
        before, after = number(figure), number(with_tx.get(name, {}))
        if not before or after is None:
            continue
        rows.append({"name": name, "without": before, "with": after, "percent": round(100 * (after / before - 1), 2)})
        group = name.split("_")[0]
        if group in ("ext4", "block") and not name.endswith("_nosync"):
            total = sums.setdefault(group, [0, 0])
            total[0] += before * operations(figure)
            total[1] += after * operations(with_tx[name])
    for group, (before, after) in sums.items():
        rows.append({"name": f"all of {group}", "without": round(before), "with": round(after),
                     "percent": round(100 * (after / before - 1), 2)})
    return rows


def table(rows):
    yield f"{'':2}{'instructions each, or for each KiB':44} {'without':>14} {'with':>14} {'more':>9}"
    for row in rows:
        judged = row["name"].startswith("all of")
        mark = ("+" if row["percent"] <= BAR else "!") if judged else " "
        yield f"{mark} {row['name']:44} {row['without']:>14,.1f} {row['with']:>14,.1f} {row['percent']:>7.1f} %"


def middle(measured):
    """One figure from those of several boots: the median of what is compared, and what was seen at all."""
    key = next(key for key in KEYS if key in measured[0])
    values = [figure[key] for figure in measured]
    return measured[0] | {key: statistics.median(values), "least": min(values), "most": max(values), "boots": len(values)}


def measure_blocks(given, builds):
    """({build: figures}, failures)."""
    seen, failures = {name: {} for name in builds}, []
    for _ in range(BOOTS):
        for name, folder in builds.items():
            figures, failed = bench.run_guest(given, True, bench.GROUPS["block"], build=folder, name="cost")
            failures += failed
            for what, figure in figures.items():
                seen[name].setdefault(what, []).append(figure)
    return {name: {what: middle(measured) for what, measured in figures.items()} for name, figures in seen.items()}, failures


def main(given):
    build_plain()
    builds = {"plain": PLAIN, "with": BUILD}
    groups = sum(bench.GROUPS[word] for word in COMPARED)
    figures, failures = measure_blocks(given, builds)
    for name, folder in builds.items():
        more, failed = bench.run_guest(given, True, groups, build=folder, name="cost")
        figures[name] |= more
        failures += failed
    figures["moving"], failed = bench.run_guest(given, True, bench.GROUPS["moving"])
    failures += failed
    rows = compare(figures["plain"], figures["with"])
    moving = {name: value["percent"] for name, value in bench.lost_throughput(figures["moving"]).items()}
    for line in table(rows):
        print(line)
    for name, figure in figures["plain"].items():
        if "boots" in figure:
            other = figures["with"][name]
            print(f"  {name}: medians of {figure['boots']} boots, {figure['least']:,.0f} to {figure['most']:,.0f} without, "
                  f"{other['least']:,.0f} to {other['most']:,.0f} with")
    for name, percent in moving.items():
        print(f"{'+' if percent <= BAR_MOVING else '!'} {name:44} {percent:>38.1f} % of the throughput")
    print(f"bars: {BAR:g} % for undo log and type maps, {BAR_MOVING:g} % for moving every service every 50 ms. Best known: {BEST}.")
    for failure in failures:
        print(f"could not be measured: {failure}")
    if given.json:
        write_json(given.json, {"cost": rows, "moving_lost_percent": moving, "bar": BAR, "bar_moving": BAR_MOVING, "best": BEST,
                                "failures": failures, "figures": figures})
    return 1 if failures else 0
