# SPDX-License-Identifier: MIT
"""./build.sh demo: the disk driver dies again and again while files are read and written; was anything lost?"""
import sys
import time

from . import BUILD
from .options import Parser, folder, machine_options, output, services_of, whole, write_json
from .session import WAYS, Session


def options(prog):
    parser = Parser(prog=prog, description="Kills a service on schedule while a workload runs, then judges: all hashes "
                    "equal, e2fsck clean, no error seen by a client. Exit code 0 if so.")
    machine_options(parser)
    parser.add_argument("--kills", type=whole(0, 100000), default=100, metavar="N", help="deaths to cause (default 100)")
    parser.add_argument("--every", type=whole(10, 60000), default=250, metavar="MS", help="time between them (default 250)")
    parser.add_argument("--service", type=services_of("demo"), default=["blk"], metavar="NAME[,NAME…]",
                        help="whom to kill (default blk, the disk driver); several take turns")
    parser.add_argument("--disk-seed", type=whole(0, 2**32), default=1, metavar="N", help="content of the disk (default 1)")
    parser.add_argument("--folder", type=folder, default=BUILD, help="for the disk and the kernel log (default build)")
    parser.add_argument("--json", type=output, metavar="FILE", help="write the result there; '-' for standard output")
    parser.add_argument("--plain", action="store_true", help="no screen: one line every two seconds")
    return parser


def follow_plain(session):
    shown = 0.0
    while not (session.done or session.stalled() or session.quit):
        session.step(0.1)
        if time.monotonic() - shown >= 2:
            shown = time.monotonic()
            now = session.progress
            print(f"{shown - session.started:6.1f} s  deaths {session.asked}/{session.kills_wanted}  "
                  f"{now.get('phase', 'starting')}  {now.get('bytes', 0) >> 20} MiB, {now.get('ops', 0)} operations, "
                  f"errors {len(session.errors)}", file=sys.stderr, flush=True)


def follow_on_screen(session):
    from .screen import Screen
    with Screen(session) as screen:
        while not (session.done or session.stalled() or session.quit):
            session.step(0.05, also=[sys.stdin])
            screen.keys()
            screen.draw()


def show(result):
    """The summary for people; the verdict is the last line."""
    times = result["recovery_ns"]
    causes = ", ".join(f"{count} {cause}" for cause, count in result["deaths_by_cause"].items()) or "none"
    print(f"deaths: {result['deaths']} ({causes}); layouts used: {result['distinct_layouts']}")
    if times["n"]:
        print(f"recovery of {result['target']}, death to first completed request: "
              f"median {times['p50'] / 1e6:.2f} ms, p99 {times['p99'] / 1e6:.2f} ms, max {times['max'] / 1e6:.2f} ms")
    print(f"files hashed: {result['files_hashed']} at first, {result['files_final']} at the end; "
          f"errors seen by clients: {result['client_errors']}")
    for problem in result["problems"]:
        print(f"  problem: {problem}")
    verdict = ("PASS: all hashes equal, e2fsck clean, no client saw an error" if result["ok"]
               else f"FAIL: {len(result['problems'])} problems, see above; log: {result['log']}")
    print(f"{verdict} ({result['deaths']} deaths, {result['seconds']} s, {result['cpus']} CPU, {result['accel']})")


def main(given):
    print("making the disk …", file=sys.stderr, flush=True)
    session = Session(given)
    try:
        if sys.stdout.isatty() and sys.stdin.isatty() and not given.plain:
            follow_on_screen(session)
        else:
            follow_plain(session)
        if session.quit and not session.done:
            print("ended by the user before the workload was done; nothing is judged")
            return 130
        if session.fatal:
            print(f"demo: {session.fatal}", file=sys.stderr)
            return 2
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
