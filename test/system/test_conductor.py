# SPDX-License-Identifier: MIT
"""The conductor and a host that does not listen."""
import time

from test_restarts import Conductor


def await_log_unread(machine, text, timeout=20):
    """Machine.await_log() would read the event line, too."""
    limit = time.monotonic() + timeout
    while text not in machine.kernel_log():
        assert time.monotonic() < limit, machine.kernel_log()[-1500:]
        time.sleep(0.1)


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
