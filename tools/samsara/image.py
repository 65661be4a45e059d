# SPDX-License-Identifier: MIT
"""./build.sh image: a bootable ISO for BIOS and UEFI machines, through GRUB's Multiboot2."""
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import BUILD, archive
from .options import Parser, image, output

GRUB_CONFIG = """\
set timeout=0
terminal_output console
menuentry "Samsara" {{
    multiboot2 /boot/kernel.elf {append}
    module2 /boot/boot.cpio
}}
"""


def options(prog):
    parser = Parser(prog=prog, description="Makes build/samsara.iso, bootable by BIOS and UEFI.")
    parser.add_argument("--image", type=image, default="run", metavar="NAME", help="which image of images/ (default run)")
    parser.add_argument("--append", default="", metavar="WORDS", help="kernel command line")
    parser.add_argument("--output", type=output, default=BUILD / "samsara.iso")
    return parser


def make(archive, output, append=""):
    """Writes the ISO; raises RuntimeError with GRUB's own words if it cannot."""
    with tempfile.TemporaryDirectory(prefix="iso-") as folder:
        boot = Path(folder) / "boot"
        (boot / "grub").mkdir(parents=True)
        shutil.copy(BUILD / "kernel.elf", boot / "kernel.elf")
        shutil.copy(archive, boot / "boot.cpio")
        (boot / "grub" / "grub.cfg").write_text(GRUB_CONFIG.format(append=append))
        done = subprocess.run(["grub-mkrescue", "-o", str(output), folder], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"grub-mkrescue: {done.stderr.strip()}")


def main(given):
    make(archive(given.image), given.output, given.append)
    print(f"{given.output}: {given.output.stat().st_size >> 10} KiB; try: qemu-system-x86_64 -machine q35 -m 512 "
          f"-cdrom {given.output} -serial stdio")
    return 0
