# SPDX-License-Identifier: MIT
"""GDB commands for a running Samsara: symbols of the kernel and of services at the places of this boot.

Loaded by `./build.sh debug`; by hand: gdb build/kernel.elf -x tools/gdb/samsara.py -ex "target remote …".
Everything that it needs is next to kernel.elf: modules/NAME.mod.full, tools/samsara-layout, and the
event stream of this run (debug-events.log), whose birth events tell each incarnation's layout seed.
"""
import json
import os
import struct
import subprocess
import tempfile
from pathlib import Path

import gdb

ANCHOR_PHYSICAL = 0x200000  # kernel/arch/x86_64/anchor.h
ANCHOR_MAGIC = 0x524F48434E41534D
ANCHOR_BASE_OFFSET = 8

HELP = """samsara boot              lets the machine run until the kernel has chosen its base, then loads its symbols
samsara kernel            (re)loads the kernel's symbols at its base
samsara services          what is born, with incarnation and layout seed
samsara service NAME [N]  loads the symbols of a service: of incarnation N, or of the last one born
samsara service NAME seed=HEX
                          the same for a seed from elsewhere (a death record, say)
samsara layout NAME       every section of the service with its address
samsara events FILE       reads births from this event stream instead of debug-events.log

Memory of a service can be read while the machine stands in that service: use a hardware breakpoint
(hbreak FUNCTION) after `samsara service NAME`. Each rebirth moves everything: load again after it."""


class Failure(Exception):
    """Shown to the user as one line."""


class State:
    folder = None       # where kernel.elf and modules/ are
    events = None       # the event stream
    loaded = {}         # service name -> symbol file made for it
    scratch = None


def build_folder():
    if State.folder is None:
        for objfile in gdb.objfiles():
            if objfile.filename and Path(objfile.filename).name == "kernel.elf":
                State.folder = Path(objfile.filename).parent
        if State.folder is None:
            State.folder = Path(os.environ.get("SAMSARA_BUILD", "build"))
    return State.folder


def read_physical(address, size):
    """Reads physical memory through QEMU's GDB stub, whatever address space the processor is in."""
    gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    finally:
        gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)
        gdb.execute("maintenance flush register-cache", to_string=True)


def kernel_base():
    """The kernel's virtual base, or 0 as long as it has not chosen one."""
    magic, base = struct.unpack("<QQ", read_physical(ANCHOR_PHYSICAL, 16))
    if magic != ANCHOR_MAGIC:
        raise Failure("no kernel anchor at physical 0x%x: the kernel is not loaded yet" % ANCHOR_PHYSICAL)
    return base


def load_kernel():
    base = kernel_base()
    if base == 0:
        raise Failure("the kernel has not chosen its base yet: 'samsara boot' waits for that")
    gdb.execute("symbol-file %s -o %#x" % (build_folder() / "kernel.elf", base), to_string=True)
    for path in State.loaded.values():  # symbol-file dropped them
        gdb.execute("add-symbol-file %s" % path, to_string=True)
    print("kernel at %#x" % base)


def boot():
    """Runs until the anchor is written: early code reaches it one to one, so its address is the physical one."""
    if kernel_base() == 0:
        watch = gdb.Breakpoint("*(unsigned long long *)%#x" % (ANCHOR_PHYSICAL + ANCHOR_BASE_OFFSET),
                               gdb.BP_WATCHPOINT, gdb.WP_WRITE, internal=True)
        watch.silent = True
        gdb.execute("continue", to_string=True)
        watch.delete()
    load_kernel()


def births():
    """All birth events so far, in order."""
    path = Path(State.events) if State.events else build_folder() / "debug-events.log"
    found = []
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise Failure("no event stream: %s (does this image have a conductor?)" % error)
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # cut off, or not for us
        if isinstance(event, dict) and event.get("ev") == "birth":
            found.append(event)
    return found


def birth_of(name, incarnation):
    for event in reversed(births()):
        if event["service"] == name and incarnation in (None, event["incarnation"]):
            return event
    raise Failure("no birth of '%s'%s in the event stream" % (name, "" if incarnation is None else " %d" % incarnation))


def layout_tool(module, seed, *options):
    path = build_folder() / "modules" / (module + ".mod.full")
    if not path.is_file():
        path = path.with_suffix("")  # without debug information
    tool = build_folder() / "tools" / "samsara-layout"
    done = subprocess.run([str(tool), str(path), seed, *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or "samsara-layout failed")
    return done.stdout


def module_and_seed(words):
    """NAME [N | seed=HEX] -> module name without suffix, seed, words for the user."""
    if not words:
        raise Failure("which service? 'samsara services' lists them")
    name = words[0]
    if len(words) > 1 and words[1].startswith("seed="):
        return name, words[1][5:], "%s, seed %s" % (name, words[1][5:])
    if len(words) > 1 and not words[1].isdigit():
        raise Failure("an incarnation is a number")
    event = birth_of(name, int(words[1]) if len(words) > 1 else None)
    module = str(event.get("module", name)).removesuffix(".mod")
    return module, event["seed"], "%s[%d]" % (name, event["incarnation"])


def load_service(words):
    module, seed, what = module_and_seed(words)
    if State.scratch is None:
        State.scratch = tempfile.TemporaryDirectory(prefix="samsara-gdb-")
    path = Path(State.scratch.name) / (words[0] + ".elf")
    if words[0] in State.loaded:
        gdb.execute("remove-symbol-file %s" % State.loaded.pop(words[0]), to_string=True)
    command = layout_tool(module, seed, "--gdb", str(path))
    gdb.execute(command.strip(), to_string=True)
    State.loaded[words[0]] = path
    print("symbols of %s loaded" % what)


def list_services():
    last = {event["service"]: event for event in births()}
    for name, event in last.items():
        print("%-16s incarnation %-5d seed %s" % (name, event["incarnation"], event["seed"]))


class SamsaraCommand(gdb.Command):
    """Symbols of the kernel and of services; 'samsara help' lists what there is."""

    def __init__(self):
        super().__init__("samsara", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument) or ["help"]
        try:
            self.run(words[0], words[1:])
        except Failure as failure:
            raise gdb.GdbError(str(failure))

    def run(self, word, rest):
        if word == "help":
            print(HELP)
        elif word == "boot":
            boot()
        elif word == "kernel":
            load_kernel()
        elif word == "services":
            list_services()
        elif word == "service":
            load_service(rest)
        elif word == "layout":
            module, seed, _ = module_and_seed(rest)
            print(layout_tool(module, seed), end="")
        elif word == "events" and len(rest) == 1:
            State.events = rest[0]
        else:
            raise Failure("unknown: 'samsara help' lists the commands")

    def complete(self, text, word):
        choices = ["boot", "kernel", "services", "service", "layout", "events", "help"]
        return [choice for choice in choices if choice.startswith(word or "")] if " " not in text else []


SamsaraCommand()
print("Samsara: 'samsara help' lists what this adds.")
