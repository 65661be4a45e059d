# SPDX-License-Identifier: MIT
"""Broken disks give defined errors: full, read-only, corrupt, failing, absent; and the machine stays usable."""
import re
import subprocess

import pytest
from conftest import Shell, assert_clean

from tools.samsara import disk


def test_full_disk(boot, tmp_path):
    path = tmp_path / "full.img"
    disk.make(path, seed=1, mib=8, tree_files=10, big_mib=2, options=("-N", "64"))
    shell = Shell(boot("run", path))
    said = ""
    for number in range(12):
        said += shell.run(f"cp /big.bin /copy{number}")
    assert "space" in said.lower()
    assert shell.run("sha256sum /big.bin").split()[0] == disk.hash_image(path)["/big.bin"]
    shell.run("rm /copy0")
    shell.power_off()
    assert_clean(path)


def test_read_only_disk(boot, small_disk):
    path, planted = small_disk
    shell = Shell(boot("run", path, drive=f"if=none,id=disk,format=raw,file={path},readonly=on"))
    assert shell.run("sha256sum /big.bin").split()[0] == planted["/big.bin"]
    assert "read-only" in shell.run("mkdir /new").lower()


def test_corrupt_superblock(boot, tmp_path):
    path = tmp_path / "corrupt.img"
    disk.make(path, seed=1, mib=16, tree_files=10, big_mib=0)
    with open(path, "r+b") as file:
        file.seek(1024)
        file.write(b"\xa5" * 1024)
    shell = Shell(boot("run", path))
    assert shell.run("ls /").strip(), "an error is expected, not silence"
    assert "fs" in shell.run("ps")


def test_corrupt_inode_table(boot, small_disk):
    path, _ = small_disk
    where = subprocess.run([disk.tool("debugfs"), "-R", "imap /big.bin", str(path)], capture_output=True, text=True).stdout
    block, offset = re.search(r"located at block (\d+), offset (0x[0-9a-f]+)", where).groups()
    size = int(re.search(r"Block size: +(\d+)", subprocess.run([disk.tool("dumpe2fs"), "-h", str(path)], capture_output=True,
                                                               text=True).stdout).group(1))
    with open(path, "r+b") as file:
        file.seek(int(block) * size + int(offset, 16))
        file.write(b"\x5a" * 128)
    shell = Shell(boot("run", path))
    assert shell.run("cat /big.bin").strip(), "an error is expected"
    assert "sizes" in shell.run("ls /")


@pytest.mark.seconds(5)
def test_no_disk(boot):
    shell = Shell(boot("run", None))
    assert shell.run("ls /").strip()
    assert "console" in shell.run("ps")


@pytest.mark.parametrize("event", ["read_aio", "write_aio", "flush_to_disk"])
@pytest.mark.seconds(9)
def test_io_errors(boot, small_disk, tmp_path, event):
    path, _ = small_disk
    rules = tmp_path / "blkdebug.conf"
    rules.write_text(f'[inject-error]\nevent = "{event}"\nerrno = "5"\nonce = "off"\niotype = "'
                     + {"read_aio": "read", "write_aio": "write", "flush_to_disk": "flush"}[event] + '"\n')
    drive = f"if=none,id=disk,format=raw,file=blkdebug:{rules}:{path},werror=report,rerror=report"
    shell = Shell(boot("run", path, drive=drive))
    for line in ("ls /", "cat /big.bin", "cp /big.bin /x", "sync"):
        shell.run(line, timeout=120)  # each comes back, whatever it says
    said = shell.run("cp /big.bin /y; sync")
    assert said.strip()
    assert "blk" in shell.run("ps")
