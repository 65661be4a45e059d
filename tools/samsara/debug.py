# SPDX-License-Identifier: MIT
"""./build.sh debug: QEMU stopped at its first instruction, GDB attached, symbols at the addresses of this boot."""
import subprocess
import tempfile
from pathlib import Path

from . import BUILD, ROOT, archive, disk, qemu
from .options import Parser, image, machine_options


def options(prog):
    parser = Parser(prog=prog, description="Boots stopped with GDB attached; 'samsara help' inside GDB lists its commands.")
    machine_options(parser)
    parser.add_argument("--image", type=image, default="run", help="which image of images/ (default run)")
    parser.add_argument("--command", action="append", default=[], metavar="GDB-COMMAND",
                        help="run by GDB after attaching; may be repeated")
    parser.add_argument("--batch", action="store_true", help="end GDB after the commands")
    return parser


def rewrite(file, content):
    """Puts what a line has brought so far into a file that others may watch."""
    file.seek(0)
    file.write(bytes(content))
    file.flush()


def main(given):
    volume = BUILD / "run.img"
    if not volume.is_file():
        disk.make(volume, seed=1, tree_files=200, big_mib=4)
    with tempfile.TemporaryDirectory(prefix="debug-") as folder:
        stub = Path(folder) / "gdb"
        console = BUILD / "debug-console.log"
        with qemu.Machine(archive(given.image), volume, cpus=given.cpus, memory=given.memory,
                          seed=given.seed, accel="tcg", debug_log=str(BUILD / "debug.log"),
                          extra=["-S", "-chardev", f"socket,id=gdb,path={stub},server=on,wait=off", "-gdb", "chardev:gdb"],
                          ) as machine:
            print(f"(console: {console}, kernel log: build/debug.log)", flush=True)
            command = ["gdb", "-q", "-ex", "set confirm off", "-ex", f"file {BUILD / 'kernel.elf'}",
                       "-x", str(ROOT / "tools" / "gdb" / "samsara.py"), "-ex", f"target remote {stub}"]
            for word in given.command:
                command += ["-ex", word]
            if given.batch:
                command += ["-batch"]
            gdb = subprocess.Popen(command)
            with open(console, "wb") as out, open(BUILD / "debug-events.log", "wb") as events:
                while gdb.poll() is None:
                    machine.wait(0.2)
                    rewrite(out, machine.console.seen)
                    rewrite(events, machine.events.seen)
            return gdb.returncode
