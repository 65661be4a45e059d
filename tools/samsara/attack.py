# SPDX-License-Identifier: MIT
"""./build.sh attack: how long a leaked address is good, against how often its service gets a new layout.

images/attack has a service with a planted leak and a planted use of wild addresses, an attacker, and an honest client. One
boot for each period, under -icount, so that it repeats. docs/threat-model.md says what the figures mean.
"""
import re
import sys
import time

from . import BUILD, qemu, stats
from .options import Parser, output, whole, write_json
from .progress import Progress

PERIODS = ("none", "1000", "500", "200", "100", "50", "20", "10", "5", "100r", "10r")  # ms; r: requests
THINKS = (1, 10, 100)  # ms
GUESS = 2.0**-27  # that a layout whose window is known has the same thing at the same place again
SILENCE = 120  # seconds without a word, and the machine is stuck
TRIAL = re.compile(r"attack: think (\d+) thing (\d) took (\d+) success (\d) status (\d+) deaths (\d+)")
HONEST = re.compile(r"honest: (\d+) answers, (\d+) wrong, (\d+) errors")


def period(text):
    if text == "none" or re.fullmatch(r"[1-9]\d{0,6}r?", text):
        return text
    raise ValueError(text)


def periods(text):
    return [period(word) for word in text.split(",")]


def thinks(text):
    found = [int(word) for word in text.split(",")]
    if not found or min(found) < 1 or max(found) > 60000:
        raise ValueError(text)
    return found


def options(prog):
    parser = Parser(prog=prog, description="Attacks a service through planted bugs: an address leaks, the attacker thinks, then uses "
                    "it. Measures how often that succeeds for several periods of re-randomization. Ctrl-C: what was measured "
                    "until then is shown.")
    parser.add_argument("--periods", type=periods, default=list(PERIODS), metavar="P,P,…",
                        help=f"ms between two layouts, or requests with an r (default {','.join(PERIODS)})")
    parser.add_argument("--think", type=thinks, default=list(THINKS), metavar="MS,MS,…",
                        help=f"time between leak and use (default {','.join(map(str, THINKS))})")
    parser.add_argument("--trials", type=whole(1, 100000), default=60, metavar="N", help="of each pair (default 60)")
    parser.add_argument("--seed", type=whole(0, 2**63), default=1, metavar="N", help="of all random choices (default 1)")
    parser.add_argument("--json", type=output, metavar="FILE", help="write the figures there; '-' for standard output")
    parser.add_argument("--plot", type=output, metavar="FILE.png", help="draw them (needs python3-matplotlib)")
    return parser


def command_line(wanted, think, trials):
    ms, requests = (0, 0) if wanted == "none" else (0, int(wanted[:-1])) if wanted.endswith("r") else (int(wanted), 0)
    return (f"move_ms={ms} move_every_requests={requests} settle={20 if ms or requests else 0} trials={trials} "
            f"think={','.join(str(1000 * t) for t in think)}")


def expected(think_ms, layout_ms):
    """The share of leaked addresses that are still good: leaks come at any moment of a layout's life alike."""
    return 1.0 if not layout_ms else max(0.0, 1 - think_ms / layout_ms) + GUESS


def read_log(text, wanted, think):
    """What one boot told, as a dict; cells for the think times of which there are trials."""
    trials = [tuple(map(int, found)) for found in TRIAL.findall(text)]
    lasts = re.search(r"attack: a layout lasts (\d+) ns", text)
    layout_ms = int(lasts[1]) / 1e6 if lasts else 0.0
    honest = [tuple(map(int, found)) for found in HONEST.findall(text)]
    cells = []
    for ms in think:
        mine = [t for t in trials if t[0] == 1000 * ms]
        if mine:
            hits, took = sum(t[3] for t in mine), sum(t[2] for t in mine) / len(mine) / 1e6
            low, high = stats.wilson(hits, len(mine))
            cells.append({"think_ms": ms, "took_ms": round(took, 3), "trials": len(mine), "successes": hits, "rate": hits / len(mine),
                          "low": low, "high": high, "expected": expected(took, layout_ms),
                          "deaths": sum(t[5] for t in mine),
                          "unharmed": sum(not t[3] and not t[5] for t in mine)})
    end = re.search(r"attack: end, (\d+) moves, (\d+) deaths", text)
    return {"period": wanted, "layout_ms": round(layout_ms, 3), "cells": cells, "moves": int(end[1]) if end else None,
            "deaths": text.count("warning: leaky["), "finished": bool(end),
            "honest": dict(zip(("answers", "wrong", "errors"), honest[-1] if honest else (0, 0, 0))),
            "given_up": "leaky is given up" in text}


def problems_of(row):
    """What must not be, whatever the rates are."""
    said = []
    if not row["finished"]:
        said.append("the attacker did not finish")
    if row["given_up"]:
        said.append("the service was given up")
    if row["honest"]["wrong"] or row["honest"]["errors"]:
        said.append(f"the honest client saw {row['honest']['wrong']} wrong answers and {row['honest']['errors']} errors")
    if not row["honest"]["answers"]:
        said.append("the honest client got no answers")
    strange = sum(cell["unharmed"] for cell in row["cells"])
    if strange:
        said.append(f"{strange} attacks neither succeeded nor ended in a death")
    return [f"period {row['period']}: {text}" for text in said]


def measure(wanted, given, progress):
    """One boot; returns (row, True if Ctrl-C ended it)."""
    log = BUILD / "attack.log"
    machine = qemu.Machine(BUILD / "images" / "attack.cpio", append=command_line(wanted, given.think, given.trials), memory=256,
                           accel="tcg", icount="sleep=off", seed=given.seed, debug_log=str(log))
    size, last, stopped, total = 0, time.monotonic(), False, len(given.think) * given.trials
    try:
        while machine.running() and time.monotonic() - last < SILENCE and not machine.await_log(r"attack: end", 0.3):
            text = machine.kernel_log()
            if len(text) != size:
                size, last = len(text), time.monotonic()
            progress.show(lambda: f"period {wanted:>6}: {len(TRIAL.findall(text))} of {total} attacks")
    except KeyboardInterrupt:
        stopped = True
    finally:
        machine.kill()
    return read_log(machine.kernel_log(), wanted, given.think), stopped


def campaign(given):
    rows, stopped = [], False
    with Progress() as progress:
        for wanted in given.periods:
            row, stopped = measure(wanted, given, progress)
            if row["cells"] or not stopped:
                rows.append(row)
            if stopped:
                break
    problems = [text for row in rows if row["finished"] or not stopped for text in problems_of(row)]
    return {"ok": not problems, "problems": problems, "ended_early": stopped, "seed": given.seed, "trials": given.trials,
            "think_ms": given.think, "guess": GUESS, "rows": rows}


def period_text(wanted):
    return "never" if wanted == "none" else f"{wanted[:-1]} requests" if wanted.endswith("r") else f"{wanted} ms"


def show(result, out=print):
    out(f"{'new layout':13} {'lasts ms':>9} | " + " | ".join(f"think {ms:>4} ms: success (95 %)   expected" for ms in result["think_ms"]))
    for row in result["rows"]:
        cells = {cell["think_ms"]: cell for cell in row["cells"]}
        texts = []
        for ms in result["think_ms"]:
            c = cells.get(ms)
            texts.append(f"{c['successes']:4}/{c['trials']:<4} {c['rate']:5.2f} ({c['low']:.2f}..{c['high']:.2f})  {c['expected']:8.2f}" if c else "")
        out(f"{period_text(row['period']):13} {row['layout_ms'] or '':>9} | " + " | ".join(f"{text:37}" for text in texts))
    sums = {key: sum(row["honest"][key] for row in result["rows"]) for key in ("answers", "wrong", "errors")}
    trials = sum(cell["trials"] for row in result["rows"] for cell in row["cells"])
    hits = sum(cell["successes"] for row in result["rows"] for cell in row["cells"])
    deaths = sum(row["deaths"] for row in result["rows"])
    out(f"{trials - hits} attacks failed, in {deaths} deaths; meanwhile the honest client got {sums['answers']:,} answers, "
        f"{sums['wrong']} wrong, {sums['errors']} errors")
    for problem in result["problems"]:
        out(f"  problem: {problem}")
    early = "ended early; " if result["ended_early"] else ""
    out(early + ("PASS: each failed attack was a death that nobody else noticed" if result["ok"] else "FAIL: see the problems"))


def plot(result, path):
    """Success against how long a layout lasts, a colour for each think time; lines are what was expected."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    moved = [row for row in result["rows"] if row["layout_ms"]]
    figure, axes = pyplot.subplots(figsize=(8, 5), dpi=120)
    xs = [row["layout_ms"] for row in moved] or [1, 1000]
    low, high = min(xs) / 1.5, max(xs) * 1.5
    curve = [low * (high / low) ** (i / 300) for i in range(301)]
    for number, ms in enumerate(result["think_ms"]):
        colour = f"C{number}"
        axes.plot(curve, [expected(ms, x) for x in curve], color=colour, linewidth=1, alpha=0.6)
        found = [(row["layout_ms"], row["period"].endswith("r"), c) for row in moved for c in row["cells"] if c["think_ms"] == ms]
        for by_requests, marker in ((False, "o"), (True, "D")):
            points = [(x, c) for x, requests, c in found if requests == by_requests]
            if points:
                rates = [c["rate"] for _, c in points]
                axes.errorbar([x for x, _ in points], rates, yerr=[[max(0, r - c["low"]) for r, (_, c) in zip(rates, points)],
                              [max(0, c["high"] - r) for r, (_, c) in zip(rates, points)]], fmt=marker, markersize=5, capsize=3,
                              color=colour, label=f"think {ms} ms" + (", moved by requests" if by_requests else ""))
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(-0.04, 1.04)
    axes.set_xlabel("how long a layout lasts (ms)")
    axes.set_ylabel("share of attacks that succeed")
    axes.set_title("A leaked address, used after a think time\npoints: measured, with 95 % intervals; lines: 1 − think / lasts", fontsize=11)
    axes.grid(True, which="major", alpha=0.3)
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda x, _: f"{x:g}"))
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path)


def main(given):
    if given.plot:
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            print("attack: --plot needs python3-matplotlib; ./build.sh setup installs it", file=sys.stderr)
            return 2
    result = campaign(given)
    if given.json:
        write_json(given.json, result)
    if str(given.json) != "-":
        show(result)
    if given.plot:
        plot(result, given.plot)
    return 0 if result["ok"] else 1
