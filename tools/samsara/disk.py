# SPDX-License-Identifier: MIT
"""Disks: made with mke2fs from files whose content follows from a seed, judged with e2fsck, read with debugfs."""
import hashlib
import os
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# Sizes at which something changes inside a file system: block and extent borders, and their neighbours.
EDGES = (0, 1, 59, 60, 61, 1023, 1024, 1025, 4095, 4096, 4097, 8192, 65535, 65536, 65537, 1 << 20, (1 << 20) + 1)
WORDS = "ash bay cove dale elm fen glen heath isle jade knoll lake moor nook oak pond quay reef sand tarn".split()


def tool(name):
    """Path of an e2fsprogs program; Debian keeps them in /sbin, which a user's PATH may lack."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or name


def plant(root, seed, tree_files=2000, big_mib=64):
    """Fills directory root: files of many sizes, one big pseudo-random one, a tree of tree_files files."""
    dice = random.Random(seed)
    (root / "sizes").mkdir(parents=True)
    for size in EDGES:
        (root / "sizes" / f"{size}.bin").write_bytes(dice.randbytes(size))
    if big_mib:
        with open(root / "big.bin", "wb") as file:
            for _ in range(big_mib):
                file.write(dice.randbytes(1 << 20))
    folders = [root / "tree"]
    folders[0].mkdir()
    while len(folders) < max(1, tree_files // 20):
        folder = dice.choice(folders) / f"{dice.choice(WORDS)}{len(folders)}"
        if len(folder.relative_to(root).parts) < 8:
            folder.mkdir()
            folders.append(folder)
    for number in range(tree_files):
        size = min(int(dice.lognormvariate(7.5, 1.6)), 300_000)
        name = f"{dice.choice(WORDS)}-{number:04d}.{dice.choice(('txt', 'dat', 'log'))}"
        (dice.choice(folders) / name).write_bytes(dice.randbytes(size))


def plant_many(root, folders, files):
    """Empty files by the thousand, below /many: names to know for a file service."""
    for folder in range(folders):
        (root / "many" / f"d{folder:02d}").mkdir(parents=True)
        for number in range(files):
            (root / "many" / f"d{folder:02d}" / f"f{number:04d}").touch()


def make(path, seed, mib=256, tree_files=2000, big_mib=64, options=(), keep=None, many=(0, 0)):
    """Makes an ext4 image at path; returns {file path in the image: SHA-256} of its regular files.

    keep: a directory that shall hold the planted files afterwards (emptied first). many: see plant_many.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="plant-") as folder:
        root = Path(keep or folder) / "root"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        plant(root, seed, tree_files, big_mib)
        plant_many(root, *many)
        path.unlink(missing_ok=True)
        command = [tool("mke2fs"), "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0,hash_seed=" + uuid(seed),
                   "-U", uuid(seed), "-d", str(root), *options, str(path), f"{mib}M"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"mke2fs: {done.stderr.strip()}")
        return hash_tree(root)


def put(path, source, name):
    """Writes a file into the image at path, as the file `name` of its root directory."""
    subprocess.run([tool("debugfs"), "-w", "-R", f"write {source} {name.lstrip('/')}", str(path)], check=True,
                   capture_output=True)


def uuid(seed):
    digits = hashlib.sha256(f"disk {seed}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def hash_tree(root):
    """{path with leading slash: SHA-256} of every regular file under root."""
    table = {}
    for folder, _, names in os.walk(root):
        for name in names:
            full = Path(folder) / name
            if full.is_file() and not full.is_symlink():
                with open(full, "rb") as file:
                    table["/" + str(full.relative_to(root))] = hashlib.file_digest(file, "sha256").hexdigest()
    return table


def check(path):
    """Asks e2fsck -f -n; returns (clean, what it said)."""
    done = subprocess.run([tool("e2fsck"), "-f", "-n", str(path)], capture_output=True, text=True)
    return done.returncode == 0, (done.stdout + done.stderr).strip()


# What e2fsck says when it replays a journal and finds nothing else to do. Files that were open without a name are
# freed with the journal's help, too.
REPLAYED = re.compile(r"e2fsck \d|.*: recovering journal$|Clearing orphaned inode |Pass [1-5]: |.*FILE SYSTEM WAS MODIFIED|"
                      r".*: \d+/\d+ files |Pass 3A: Optimizing directories$|$")


def repair(path, journal=True):
    """e2fsck -f -y, as after a power cut; returns (good, what it said).

    Good is, with a journal, if there was nothing to do but to replay it; without, if the disk can be used afterwards.
    """
    done = subprocess.run([tool("e2fsck"), "-f", "-y", str(path)], capture_output=True, text=True)
    said = (done.stdout + done.stderr).strip()
    return done.returncode in (0, 1) and (not journal or all(map(REPLAYED.match, said.splitlines()))), said


def extract(path, folder):
    """Copies the whole image into an empty directory with debugfs, without mounting anything."""
    done = subprocess.run([tool("debugfs"), "-R", f"rdump / {folder}", str(path)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"debugfs: {done.stderr.strip()}")
    shutil.rmtree(Path(folder) / "lost+found", ignore_errors=True)


def hash_image(path):
    """hash_tree of everything in the image."""
    with tempfile.TemporaryDirectory(dir=Path(path).parent, prefix="extract-") as folder:
        extract(path, folder)
        return hash_tree(Path(folder))
