# SPDX-License-Identifier: MIT
"""./build.sh run: boots to the shell on this terminal."""
from pathlib import Path

from . import BUILD, disk, qemu
from .options import Parser, machine_options


def options(prog):
    parser = Parser(prog=prog, description="Boots Samsara with its shell on this terminal. Ctrl-A X ends QEMU.")
    machine_options(parser)
    parser.add_argument("--disk", type=Path, help="an ext4 image to use (default: build/run.img, made if missing)")
    return parser


def main(given):
    image = given.disk or BUILD / "run.img"
    if given.disk and not given.disk.is_file():
        print(f"run: {given.disk} is not there; make one with: truncate -s 256M {given.disk}; mke2fs -t ext4 {given.disk}")
        return 1
    if not image.is_file():
        disk.make(image, seed=1, tree_files=200, big_mib=4)
    with qemu.Machine(BUILD / "images" / "run.cpio", image, cpus=given.cpus, memory=given.memory, seed=given.seed,
                      accel=given.accel, stdio=True, debug_log=str(BUILD / "run.log"), restarts=True) as machine:
        print(f"(kernel log: build/run.log; accelerator: {machine.accel})", flush=True)
        while machine.wait(3600) is None:
            pass
    return 0
