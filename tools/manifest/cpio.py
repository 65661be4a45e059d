# SPDX-License-Identifier: MIT
"""The boot archive: cpio, format "newc", with nothing in it that differs from one build to the next."""


def _pad(data):
    return data + b"\0" * (-len(data) % 4)


def _entry(name, data, mode):
    encoded = name.encode() + b"\0"
    numbers = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
    return _pad(b"070701" + b"".join(b"%08X" % number for number in numbers) + encoded) + _pad(data)


def pack(files):
    """files: [(name, bytes)]."""
    return b"".join(_entry(name, data, 0o100644) for name, data in files) + _entry("TRAILER!!!", b"", 0)
