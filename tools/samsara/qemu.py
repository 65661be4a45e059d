# SPDX-License-Identifier: MIT
"""One virtual machine: starting QEMU, its serial lines, its QMP monitor, its end.

The serial lines and the monitor are socket pairs handed to QEMU as descriptors: nothing on disk to clean
up, no ports to collide, and not a byte lost between the start of the machine and the first read.
"""
import json
import os
import re
import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import BUILD

PROBE_SECONDS = 3


def kvm_works(kernel, archive):
    """True if Samsara really runs under KVM here; that /dev/kvm exists proves nothing.

    Boots the given kernel and archive and waits for the supervisor's first words. The answer is kept in
    build/ for as long as this host runs.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    kept = BUILD / "kvm-probe"
    if kept.is_file() and kept.read_text().split()[:1] == [boot]:
        return kept.read_text().split()[1] == "yes"
    works = _probe_kvm(kernel, archive)
    kept.write_text(f"{boot} {'yes' if works else 'no'}\n")
    return works


def _probe_kvm(kernel, archive):
    with tempfile.NamedTemporaryFile(prefix="samsara-probe-", suffix=".log") as log:
        command = ["qemu-system-x86_64", "-nodefaults", "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "512",
                   "-display", "none", "-no-reboot", "-chardev", f"file,id=log,path={log.name}",
                   "-device", "isa-debugcon,iobase=0xe9,chardev=log", "-kernel", str(kernel), "-initrd", str(archive)]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            return False
        limit = time.monotonic() + PROBE_SECONDS
        said = ""
        while time.monotonic() < limit and process.poll() is None and "rs[1]: image" not in said:
            time.sleep(0.05)
            with open(log.name, errors="replace") as file:
                said = file.read()
        process.kill()
        process.wait()
        return "rs[1]: image" in said


class Line:
    """One serial line of the guest, read and written as bytes without ever blocking the caller for long."""

    def __init__(self, end):
        self.end = end
        self.end.setblocking(False)
        self.seen = bytearray()  # everything read so far
        self.closed = False

    def fileno(self):
        return self.end.fileno()

    def read(self):
        """Takes what is there; returns the new bytes (empty if none)."""
        fresh = bytearray()
        while not self.closed:
            try:
                part = self.end.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                part = b""
            if not part:
                self.closed = True
                break
            fresh += part
        self.seen += fresh
        return bytes(fresh)

    def write(self, data):
        """Sends all of data; a guest that does not read for 10 s is an error."""
        view = memoryview(data)
        limit = time.monotonic() + 10
        while view:
            try:
                view = view[self.end.send(view):]
            except BlockingIOError:
                if time.monotonic() > limit:
                    raise TimeoutError("the guest does not read its serial line")
                select.select([], [self.end], [], 0.1)

    def wait_for(self, text, timeout, start=0):
        """Waits until text stands in what was read from position start on; returns the position after it."""
        wanted = text.encode() if isinstance(text, str) else text
        limit = time.monotonic() + timeout
        while True:
            at = self.seen.find(wanted, start)
            if at >= 0:
                return at + len(wanted)
            left = limit - time.monotonic()
            if left <= 0 or self.closed:
                tail = bytes(self.seen[-2000:]).decode(errors="replace")
                why = "the machine ended" if self.closed else f"{timeout} s passed"
                raise TimeoutError(f"{why} while waiting for {text!r}; last output:\n{tail}")
            select.select([self.end], [], [], min(left, 0.2))
            self.read()


class Monitor:
    """QMP, the machine's own monitor."""

    def __init__(self, end):
        self.file = end.makefile("rwb")
        self._answer()  # the greeting
        self.command("qmp_capabilities")

    def _answer(self):
        while True:
            line = self.file.readline()
            if not line:
                raise ConnectionError("the monitor is gone")
            answer = json.loads(line)
            if "event" not in answer:
                return answer

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        self.file.flush()
        answer = self._answer()
        if "error" in answer:
            raise RuntimeError(f"{name}: {answer['error'].get('desc')}")
        return answer["return"]


class Machine:
    """A running QEMU with Samsara's reference hardware. Use it as a context manager.

    restarts: a guest that restarts the machine is started again, with its memory as it was; otherwise that is its end.
    """

    def __init__(self, archive, disk=None, *, cpus=1, memory=512, accel="auto", seed=None, icount=False,
                 kernel=None, append="", drive="", disk_device="", extra=(), stdio=False, monitor=False,
                 debug_log=None, iso=None, firmware=None, restarts=False):
        self.disk = disk
        self.ended = None
        self.debug_log = debug_log or tempfile.NamedTemporaryFile(prefix="samsara-", suffix=".log").name
        Path(self.debug_log).unlink(missing_ok=True)  # or an earlier run's lines could be taken for this one's
        if accel == "auto":
            accel = "kvm" if not icount and not iso and kvm_works(kernel or BUILD / "kernel.elf", archive) else "tcg"
        self.accel = accel
        command = ["qemu-system-x86_64", "-nodefaults", "-machine", "q35", "-accel", accel,
                   "-cpu", "host" if accel == "kvm" else "max", "-m", str(memory), "-smp", str(cpus),
                   "-display", "none", *(() if restarts else ("-no-reboot",)),
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                   "-chardev", f"file,id=log,path={self.debug_log}", "-device", "isa-debugcon,iobase=0xe9,chardev=log"]
        if seed is not None:
            append = f"{append} seed={seed:016x}".strip()
        if iso:
            command += ["-cdrom", str(iso), "-boot", "d"]
            if firmware:
                command += ["-bios", str(firmware)]
        else:
            # qboot does what a direct kernel boot needs and no more. SeaBIOS also starts the other processors, and
            # QEMU 7.2's emulator has been seen to crash while it does.
            command += ["-bios", "qboot.rom", "-kernel", str(kernel or BUILD / "kernel.elf"), "-initrd", str(archive)]
            if append:
                command += ["-append", append]
        if icount:  # True, or more of its options: "sleep=off" spends no time where all processors wait
            command += ["-icount", "shift=0" if icount is True else f"shift=0,{icount}"]
        if disk:
            command += ["-drive", drive or f"if=none,id=disk,format=raw,file={disk},cache=unsafe",
                        "-device", disk_device or "virtio-blk-pci,drive=disk,disable-legacy=on"]
        command += ["-device", "virtio-rng-pci,disable-legacy=on"]
        descriptors, self.console, self.events, mine = [], None, None, {}
        for name, used in (("console", not stdio), ("events", True), ("qmp", monitor)):
            if not used:
                continue
            ours, theirs = socket.socketpair()
            mine[name] = ours
            descriptors.append(theirs)
            command += ["-chardev", f"socket,id={name},fd={theirs.fileno()}"]
        if stdio:
            command += ["-chardev", "stdio,id=console,mux=on,signal=off", "-mon", "chardev=console"]
        command += ["-serial", "chardev:console", "-serial", "chardev:events"]
        if monitor:
            command += ["-mon", "chardev=qmp,mode=control"]
        self.command = command + [str(word) for word in extra]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command, pass_fds=[end.fileno() for end in descriptors],
            stdin=None if stdio else subprocess.DEVNULL, stderr=None if stdio else subprocess.PIPE)
        for end in descriptors:
            end.close()
        self.console = Line(mine["console"]) if "console" in mine else None
        self.events = Line(mine["events"])
        self.monitor = Monitor(mine["qmp"]) if monitor else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def running(self):
        return self.process.poll() is None

    def wait(self, timeout):
        """Waits for the machine to end by itself, draining its lines; returns QEMU's exit code or None."""
        limit = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < limit:
            select.select([line for line in (self.console, self.events) if line and not line.closed], [], [], 0.05)
            for line in (self.console, self.events):
                if line:
                    line.read()
        for line in (self.console, self.events):
            if line:
                line.read()
        return self.process.poll()

    def kill(self):
        """Pulls the plug."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def kernel_log(self):
        """What the kernel and the services' log lines wrote to the debug console."""
        try:
            with open(self.debug_log, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def await_log(self, pattern, timeout, poll=0.2):
        """The first match of a regular expression in the kernel log; None if the time is up or the machine ended first."""
        limit = time.monotonic() + timeout
        while True:
            last = self.wait(poll) is not None or time.monotonic() > limit
            found = re.search(pattern, self.kernel_log())
            if found or last:
                return found

    def complaint(self):
        """QEMU's own error output, if it ended."""
        if self.process.poll() is None or not self.process.stderr:
            return ""
        return self.process.stderr.read().decode(errors="replace").strip()
