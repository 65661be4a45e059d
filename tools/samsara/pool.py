# SPDX-License-Identifier: MIT
"""Several pytest processes that share one list of tests: whoever is free takes the next one.

`pool.run` starts them and hands out the tests; the second half of this file is the plugin in each of them. What a test
takes is said by markers (pytest.ini): `processors(n)`, or its parameter `cpus`; `seconds(n)`, for those that take long, which
come first; `together`. What runs at a time never takes more processors than there are: a guest has as many as it
thinks it has.
"""
import json
import os
import selectors
import socket
import subprocess
import sys
import xml.etree.ElementTree as xml

from . import BUILD, ROOT

CHANNEL = "SAMSARA_POOL_CHANNEL"  # number of a descriptor
TOLD_FROM = 5.0  # seconds: longer tests get a line of their own


class Worker:
    """One pytest process, and the number of what it is at."""

    def __init__(self, label, number, arguments, prefix):
        self.report, self.said = (BUILD / f"pytest-{label}-{number}.{kind}" for kind in ("xml", "txt"))
        self.report.unlink(missing_ok=True)
        self.test = None
        self.tests = None  # (processors, seconds) of each unit, once it has found them
        self.channel, theirs = socket.socketpair()
        command = [*prefix, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tools.samsara.pool",
                   f"--junit-xml={self.report}", *arguments]
        if number == 0:
            print("+", " ".join(command), flush=True)
        with theirs, open(self.said, "w") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, pass_fds=[theirs.fileno()],
                                            env={**os.environ, CHANNEL: str(theirs.fileno())})
        self.lines = self.channel.makefile("r")

    def send(self, test):
        self.test = test
        try:
            self.channel.sendall(b"%d\n" % (-1 if test is None else test))
        except OSError:
            pass  # it ended; that shows when its end of the channel is read

    def counts(self):
        """(passed, failed); shows what it had to say of those that failed."""
        code = self.process.wait()
        if code == 5:  # nothing selected
            return 0, 0
        if code or not self.report.is_file():
            print(self.said.read_text(errors="replace"))
        if not self.report.is_file():
            return 0, 1
        suite = xml.parse(self.report).getroot().find("testsuite")
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        return int(suite.get("tests", 0)) - failed - int(suite.get("skipped", 0)), max(failed, 1) if code else failed


def next_test(waiting, free):
    """Of those that have as many processors as they need: what needs most, and of these what takes longest."""
    able = [(need, seconds, -number) for number, (need, seconds) in waiting.items() if need <= free]
    return -max(able)[2] if able else None


def run(label, arguments, processors, prefix=(), show=print):
    """Runs what `pytest ARGUMENTS` would; returns (passed, failed)."""
    workers = [Worker(label, number, arguments, prefix) for number in range(processors)]
    selector = selectors.DefaultSelector()
    for worker in workers:
        selector.register(worker.lines, selectors.EVENT_READ, worker)
    waiting, free, idle = None, processors, []
    while selector.get_map():
        for key, _ in selector.select():
            worker, line = key.data, key.fileobj.readline()
            if not line:
                selector.unregister(key.fileobj)
            elif worker.tests is None:
                worker.tests = [(min(need, processors), seconds) for need, seconds in json.loads(line)]
                waiting = dict(enumerate(worker.tests)) if waiting is None else waiting
            else:
                for sentence in json.loads(line):
                    show(sentence)
            if worker.test is not None:
                free += worker.tests[worker.test][0]
                worker.test = None
            if line:
                idle.append(worker)
        for worker in list(idle):
            test = next_test(waiting, free)
            if test is not None:
                free -= waiting.pop(test)[0]
            elif waiting:
                continue  # until another one gives back what it has
            idle.remove(worker)
            worker.send(test)
    return tuple(map(sum, zip(*(worker.counts() for worker in workers))))


# -- in each of the processes

outcomes = {}  # reports of each test


def pytest_runtest_logreport(report):
    outcomes.setdefault(report.nodeid, []).append(report)


def marked(item, name, default):
    marker = item.get_closest_marker(name)
    return marker.args[0] if marker else default


def needs(unit):
    """(processors, seconds) of tests that follow each other."""
    parameters = [item.callspec.params if hasattr(item, "callspec") else {} for item in unit]
    return (max(marked(item, "processors", given.get("cpus", 1)) for item, given in zip(unit, parameters)),
            sum(marked(item, "seconds", 0) for item in unit))


def units_of(items):
    """Lists of tests: one each, but for neighbours in one file that are marked `together`."""
    units, before = [], None
    for item in items:
        group = item.path if item.get_closest_marker("together") else None
        if group and group == before:
            units[-1].append(item)
        else:
            units.append([item])
        before = group
    return units


def told(item):
    """A line about a test that failed or took long; None about others."""
    reports = outcomes.pop(item.nodeid, [])
    failed = any(report.failed for report in reports)
    seconds = sum(report.duration for report in reports)
    if failed or seconds >= TOLD_FROM:
        return f"  {seconds:6.1f} s  {item.nodeid}{'  FAILED' if failed else ''}"


def pytest_runtestloop(session):
    if session.testsfailed or session.config.option.collectonly or CHANNEL not in os.environ:
        return None  # as without this plugin
    with socket.socket(fileno=int(os.environ[CHANNEL])) as channel, channel.makefile("rw") as lines:
        def say(what):
            lines.write(json.dumps(what) + "\n")
            lines.flush()

        units = units_of(session.items)
        say([needs(unit) for unit in units])
        for line in lines:
            if int(line) < 0:
                break
            unit = units[int(line)]
            for item, following in zip(unit, [*unit[1:], None]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            say([line for line in map(told, unit) if line])
    return True
