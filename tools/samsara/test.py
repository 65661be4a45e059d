# SPDX-License-Identifier: MIT
"""./build.sh test: host unit tests, tests of the tools, system tests in QEMU; one closing line."""
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from . import BUILD, ROOT, pool, thirdparty
from .options import Parser, output, whole, write_json

PROCESSORS = min(len(os.sched_getaffinity(0)), 8)  # a guest takes half a GiB of memory, too
BENEATH = ("nice", "-n", "19")  # what a guest wants to do comes first: its pings are answered in time


def options(prog):
    def misplaced(given):
        for option in () if "thirdparty" in given.only else of_thirdparty:
            if getattr(given, option.dest) != option.default:
                return f"{option.option_strings[0]} is about the word 'thirdparty'"

    parser = Parser(prog=prog, check=misplaced, description="Runs everything that must pass.")
    parser.add_argument("only", nargs="*", metavar="WORD",
                        help="'host' (unit tests), 'tools' (Python tests), or a pytest -k expression for system tests; "
                        "'thirdparty' is a longer run of three libraries of others, with figures")
    parser.add_argument("--long", action="store_true", help="long campaigns in full (hundreds of deaths, dozens of power cuts), not a "
                        "sample of them; takes up to an hour")
    third = parser.add_argument_group("of the word 'thirdparty'", "SQLite, zlib and MuJS answer a long input while they are moved "
                                      "and killed; their answers must be the host's. Ctrl-C ends it early.")
    of_thirdparty = [
        third.add_argument("--requests", type=whole(1, 10_000_000), default=4500, metavar="N", help="of all three (default 4500)"),
        third.add_argument("--move-every", type=whole(0, 1_000_000), default=25, metavar="N",
                           help="requests of a service between two of its moves (default 25; 0: none)"),
        third.add_argument("--kill-every", type=whole(0, 3_600_000), default=1000, metavar="MS",
                           help="time between two deaths, on average, if there is somebody to kill (default 1000; 0: none)"),
        third.add_argument("--seed", dest="input", type=whole(0, 2**32), default=1, metavar="N", help="of input and deaths (default 1)"),
        third.add_argument("--cpus", type=whole(1, 8), default=2, metavar="N", help="virtual processors (default 2)"),
        third.add_argument("--json", type=output, metavar="FILE", help="write the figures there; '-' for standard output"),
    ]
    return parser


def host_tests(out=None, prefix=()):
    """`make check`; counts the cases of each cmocka program. Returns (passed, failed)."""
    command = [*prefix, "make", "-s", "-k", f"-j{PROCESSORS}", "check"]
    print("+", " ".join(command), flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=out, stderr=out)
    passed = failed = 0
    for log in sorted((BUILD / "test").glob("*.log")):
        text = log.read_text(errors="replace")
        passed += sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
        failed += sum(int(n) for n in re.findall(r"\[  FAILED  \] [^\n]*?(\d+) test", text))
    return passed, max(failed, 1) if done.returncode else failed


def tools_tests(prefix=()):
    return pool.run("tools", ["interfaces/gen/test", "tools/test", "randomizer/test"], PROCESSORS, prefix)


def system_tests(word, long):
    return pool.run("system", ["test/system", *(["-k", word] if word else []), *(["--long"] if long else [])], PROCESSORS)


def everything(long):
    """System tests, and beneath them what needs no guest: it gets what they leave of the processors, which is half."""
    log = BUILD / "test-host.txt"
    with ThreadPoolExecutor() as executor, open(log, "w") as out:
        beneath = executor.submit(lambda: [host_tests(out, BENEATH), tools_tests(BENEATH)])
        results = [system_tests("", long)]
        results += beneath.result()
    if results[1][1]:
        print(log.read_text(errors="replace"))
    return results


def thirdparty_run(given):
    """One run of the libraries of others, and its figures; counts as one test."""
    result = thirdparty.campaign(given)
    if given.json:
        write_json(given.json, result)
    if str(given.json) != "-":
        thirdparty.show(result)
    return int(result["ok"]), int(not result["ok"])


def main(given):
    started = time.monotonic()
    results = [] if given.only else everything(given.long)
    for word in given.only:
        if word == "host":
            results.append(host_tests())
        elif word == "tools":
            results.append(tools_tests())
        elif word == "thirdparty":
            results.append(thirdparty_run(given))
        else:
            results.append(system_tests(word, given.long))
    passed, failed = (sum(column) for column in zip(*results))
    if not passed + failed:
        print(f"./build.sh test: no test has {' or '.join(map(repr, given.only))} in its name; there are 'host', 'tools', "
              "'thirdparty' and the names in test/system")
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
