# SPDX-License-Identifier: MIT
"""./build.sh test: host unit tests, tests of the tools, system tests in QEMU; one closing line."""
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

from . import BUILD, ROOT, thirdparty
from .options import Parser, output


def options(prog):
    parser = Parser(prog=prog, description="Runs everything that must pass.")
    parser.add_argument("only", nargs="*", metavar="WORD",
                        help="'host' (unit tests), 'tools' (Python tests), or a pytest -k expression for system tests; "
                        "'thirdparty' prints its figures, too")
    parser.add_argument("--json", type=output, metavar="FILE",
                        help="write the figures of 'thirdparty' there; '-' for standard output")
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


def thirdparty_tests(json_file):
    """The tests of libraries of others, and their figures."""
    thirdparty.RUNS.unlink(missing_ok=True)
    counts = pytest("system", "test/system", "-k", "thirdparty")
    results = thirdparty.kept()
    if json_file:
        thirdparty.write(results, json_file)
    if results and str(json_file) != "-":
        thirdparty.show(results)
    return counts


def main(given):
    if given.json and "thirdparty" not in given.only:
        print("test: --json is about the word 'thirdparty'", file=sys.stderr)
        return 2
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
            results.append(thirdparty_tests(given.json))
        else:
            results.append(pytest("system", "test/system", *(["-k", word] if word else [])))
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
