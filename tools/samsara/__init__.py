# SPDX-License-Identifier: MIT
"""Host side of Samsara: machines, disks, the demo's screen, measuring, tests."""
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"


def archive(name):
    """Path of the boot archive of an image."""
    return BUILD / "images" / f"{name}.cpio"
