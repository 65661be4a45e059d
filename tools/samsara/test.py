# SPDX-License-Identifier: MIT
"""./build.sh test: host unit tests, tests of the tools, system tests in QEMU; one closing line."""
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

from . import BUILD, ROOT, thirdparty
from .options import Parser, output, whole, write_json


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
                        "sample of them; takes some 50 minutes")
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


def host_tests():
    """`make check`; counts the cases of each cmocka program. Returns (passed, failed)."""
    print("+ make check", flush=True)
    done = subprocess.run(["make", "-s", "-k", "-j2", "check"], cwd=ROOT)
    passed = failed = 0
    for log in sorted((BUILD / "test").glob("*.log")):
        text = log.read_text(errors="replace")
        passed += sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
        failed += sum(int(n) for n in re.findall(r"\[  FAILED  \] [^\n]*?(\d+) test", text))
    return passed, max(failed, 1) if done.returncode else failed


def pytest(label, *arguments):
    """One pytest run; returns (passed, failed)."""
    report = BUILD / f"pytest-{label}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *arguments]
    print("+", " ".join(command), flush=True)
    code = subprocess.run(command, cwd=ROOT).returncode
    if code == 5:  # nothing selected
        return 0, 0
    if not report.is_file():
        return 0, 1
    suite = xml.parse(report).getroot().find("testsuite")
    number = lambda key: int(suite.get(key, 0))
    failed = number("failures") + number("errors")
    return number("tests") - failed - number("skipped"), failed


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
    chosen = given.only or ["host", "tools", ""]
    results = []
    for word in chosen:
        if word == "host":
            results.append(host_tests())
        elif word == "tools":
            folders = [str(path) for path in ("interfaces/gen/test", "tools/test", "rs/test", "randomizer/test")
                       if any((ROOT / path).glob("test_*.py"))]
            results.append(pytest("tools", *folders))
        elif word == "thirdparty":
            results.append(thirdparty_run(given))
        else:
            results.append(pytest("system", "test/system", *(["-k", word] if word else []), *(["--long"] if given.long else [])))
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
