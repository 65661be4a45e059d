# SPDX-License-Identifier: MIT
"""Host side of Samsara: machines, disks, the demo's screen, measuring, tests."""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"


def archive(name):
    """Path of the boot archive of an image; None, with a line on standard error, if there is no such image."""
    path = BUILD / "images" / f"{name}.cpio"
    if path.is_file():
        return path
    known = ", ".join(sorted(other.stem for other in path.parent.glob("*.cpio")))
    print(f"there is no image '{name}'; known: {known}", file=sys.stderr)
    return None
