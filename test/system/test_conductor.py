# SPDX-License-Identifier: MIT
"""The conductor killed and moved in the middle of what the host wants: no event lost, none told twice, no order doubled."""
import random
import time
from collections import Counter

import pytest
from test_restarts import Conductor

WAYS = ("null", "jump", "assert", "exit")  # found out at once


def answered(seen, line):
    return sum(event["ev"] == "answer" and event.get("to") == line for event in seen)


@pytest.mark.parametrize("cpus", [1, 2])
@pytest.mark.seconds(23)
def test_orders_are_carried_out_once(boot, small_disk, cpus, quick):
    machine = boot("demo", small_disk[0], cpus=cpus)
    conductor = Conductor(machine)
    conductor.until(lambda event: event["ev"] == "hello", 60)
    draw, given, orders = random.Random(7), Counter(), []
    for number in range(25 if quick else 120):
        orders.append(f"kill time {WAYS[number % len(WAYS)]}")
        orders.append("move conductor" if number % 3 == 0 else f"kill conductor {draw.choice((*WAYS, 'loop'))}")
        for line in orders[-2:]:  # both at once: the second finds the conductor at work with the first
            machine.events.write(line.encode() + b"\n")
        given.update(orders[-2:])
        limit = time.monotonic() + 30
        while any(answered(conductor.seen, line) < given[line] for line in orders[-2:]):
            assert time.monotonic() < limit, (orders[-2:], conductor.seen[-5:], machine.kernel_log()[-1500:])
            conductor.pump()
            time.sleep(0.002)
        time.sleep(draw.choice((0, 0, 0.05, 0.3)))
    limit = time.monotonic() + 4.5  # the last order may have left it hanging; that is found after 3 s, and then it tells the rest
    while time.monotonic() < limit:
        conductor.pump()  # all the time: the line holds less than it tells meanwhile
        time.sleep(0.05)
    said = conductor.seen
    assert Counter(event["to"] for event in said if event["ev"] == "answer") == given
    assert not [event for event in said if event["ev"] == "error"]
    births = Counter((event["service"], event["incarnation"]) for event in said if event["ev"] == "birth")
    deaths = Counter((event["service"], event["incarnation"]) for event in said if event["ev"] == "death")
    assert max(births.values()) == 1 and max(deaths.values()) == 1
    done = Counter(event["to"] for event in said if event["ev"] == "answer" and event["status"] == "OK")
    told = Counter(event["text"].removesuffix(", by conductor") for event in said
                   if event["ev"] == "command" and event["service"] == "time")
    for way in WAYS:  # what was answered was done, and no more than that
        assert done[f"kill time {way}"] == told[f"kill {way}"], (done, told)
    assert len([service for service, _ in deaths if service == "conductor"]) > (5 if quick else 30)


def await_log_unread(machine, text, timeout=20):
    """Machine.await_log() would read the event line, too."""
    limit = time.monotonic() + timeout
    while text not in machine.kernel_log():
        assert time.monotonic() < limit, machine.kernel_log()[-1500:]
        time.sleep(0.1)


@pytest.mark.seconds(31)
def test_a_host_that_does_not_listen_stops_nothing(boot, small_disk):
    """Nobody reads the event line: orders are obeyed all the same, nothing is lost, and the machine can be switched off."""
    machine = boot("demo", small_disk[0])
    conductor = Conductor(machine)
    conductor.until(lambda event: event["ev"] == "hello", 60)
    machine.events.write(b"start\n")  # the workload has more to tell than all buffers hold
    time.sleep(12)
    for number in range(4):
        machine.events.write(b"kill time null\n")
        await_log_unread(machine, f"time[{number + 1}] died")
    for _ in range(4):
        conductor.until(lambda event: event["ev"] == "answer" and event["to"] == "kill time null")
    conductor.command("pause")
    assert not conductor.reader.garbage
    assert not [event for event in conductor.seen if event["ev"] == "error"]
    assert not [event for event in conductor.seen if event["ev"] == "death" and event["service"] != "time"]
    conductor.command("resume")
    time.sleep(12)
    machine.events.write(b"poweroff\n")
    machine.process.wait(30)
