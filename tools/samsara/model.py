# SPDX-License-Identifier: MIT
"""What the disk must hold at the end: the files the host planted, with the guest's reported operations applied.

The model keeps contents as lists of (origin file or seed, length), so that nothing large is held in memory
and the expected SHA-256 is computed from what the host itself planted.
"""
import hashlib
from pathlib import Path


def appended(seed, length):
    """The bytes an append with this seed adds (apps/README.md)."""
    parts, have, counter = [], 0, 0
    while have < length:
        parts.append(hashlib.sha256(f"{seed}:{counter}".encode()).digest())
        have += 32
        counter += 1
    return b"".join(parts)[:length]


class Model:
    """Expected content of every regular file, by path."""

    def __init__(self, planted):
        """planted: {path: SHA-256} of the original disk."""
        self.files = {path: (digest, ()) for path, digest in planted.items()}
        self.folders = set()
        self.problems = []

    def apply(self, event):
        """One `op` event. An operation on something that is not there is a problem of the guest's."""
        kind, path = event["op"], event["path"]
        if kind == "mkdir":
            self.folders.add(path)
        elif kind == "rmdir":
            self.folders.discard(path)
        elif kind == "append" and path not in self.files:
            self.files[path] = (hashlib.sha256(b"").hexdigest(), ((event["seed"], event["bytes"]),))
        elif kind == "rename" and path in self.folders:
            self._rename_folder(path, event["to"])
        elif path not in self.files:
            self.problems.append(f"{kind} of {path}, which should not be there")
        elif kind == "copy":
            self.files[event["to"]] = self.files[path]
        elif kind == "rename":
            self.files[event["to"]] = self.files.pop(path)
        elif kind == "unlink":
            del self.files[path]
        elif kind == "append":
            origin, tail = self.files[path]
            self.files[path] = (origin, tail + ((event["seed"], event["bytes"]),))

    def _rename_folder(self, old, new):
        self.folders.discard(old)
        self.folders.add(new)
        for path in [path for path in self.files if path.startswith(old + "/")]:
            self.files[new + path[len(old):]] = self.files.pop(path)

    def digests(self, originals):
        """{path: SHA-256}. originals(digest) gives the bytes of an original file, needed for appended ones only."""
        table = {}
        for path, (origin, tail) in self.files.items():
            if not tail:
                table[path] = origin
                continue
            state = hashlib.sha256(originals(origin))
            for seed, length in tail:
                state.update(appended(seed, length))
            table[path] = state.hexdigest()
        return table


def differences(expected, found, limit=5):
    """Sentences about where two {path: digest} tables differ, at most limit and a count of the rest."""
    lines = []
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            lines.append(f"{path}: missing")
        elif path not in expected:
            lines.append(f"{path}: should not be there")
        elif expected[path] != found[path]:
            lines.append(f"{path}: content differs")
    return lines[:limit] + ([f"… and {len(lines) - limit} more"] if len(lines) > limit else [])


def original_bytes(folder):
    """A function digest -> bytes over the files of a directory tree."""
    by_digest = {hashlib.sha256(b"").hexdigest(): None}
    for path in Path(folder).rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                by_digest[hashlib.file_digest(file, "sha256").hexdigest()] = path
    return lambda digest: by_digest[digest].read_bytes() if by_digest[digest] else b""
