# SPDX-License-Identifier: MIT
"""Linux as a peer: Debian's own kernel package, measured in the same QEMU on the same machine.

The kernel and busybox come as Debian packages, unpacked below third_party/peers; bench/peers/lxbench.c is
compiled for it. Nothing is installed on this machine.
"""
import gzip
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from . import BUILD, ROOT, disk

PEERS = ROOT / "third_party" / "peers"
META = "linux-image-cloud-amd64"
MODULES = ("virtio_pci", "virtio_blk")  # ext4 is built into this kernel
INIT = """#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in MODULES; do insmod /modules/$module; done
uname -r
echo 'BOOTED'
lxbench cpu
mkdir -p /disk
mount -t ext4 /dev/vda /disk && lxbench fs /disk ext4 64
umount /disk
echo 'PEER DONE'
poweroff -f
"""
# The best Linux, the one to beat: no slow `rep movsb`, no mitigations, no audit (research: column T).
CPU = "max,-erms,-fsrm"
APPEND = "console=ttyS0 quiet panic=-1 nokaslr mitigations=off init_on_alloc=0 audit=0"


def packages():
    """Downloads and unpacks the kernel and busybox packages once; returns the kernel's root directory."""
    root = PEERS / "root"
    if (root / ".complete").is_file():
        return root
    sys.path.insert(0, str(ROOT / "tools"))
    import private_apt
    command = private_apt.prepare()
    config = command[command.index("-c") + 1]
    depends = subprocess.run(["apt-cache", "-c", config, "depends", META], capture_output=True, text=True, check=True).stdout
    kernel = re.search(r"Depends: (linux-image-\S+)", depends).group(1)
    PEERS.mkdir(parents=True, exist_ok=True)
    download = command[:3] + ["download", "-q", kernel, "busybox-static"]
    print("+", " ".join(download), flush=True)
    subprocess.run(download, cwd=PEERS, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(root, ignore_errors=True)
    for package in PEERS.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    (root / ".complete").write_text(kernel + "\n")
    return root


def with_dependencies(root, names):
    """Module files in the order in which they have to be loaded; each .ko names what it depends on."""
    order = []

    def visit(name):
        path = next((root / "lib/modules").rglob(name.replace("_", "[-_]") + ".ko"))
        depends = re.search(rb"\0depends=([^\0]*)\0", b"\0" + path.read_bytes()).group(1).decode()
        for other in filter(None, depends.split(",")):
            visit(other)
        if path not in order:
            order.append(path)

    for name in names:
        visit(name)
    return order


def archive(root):
    """Builds the initial file system; returns (kernel image, archive)."""
    tree = BUILD / "peers" / "initramfs"
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("bin", "modules", "proc", "sys", "dev", "tmp"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(root / "bin" / "busybox", tree / "bin" / "busybox")
    for name in ("sh", "mount", "umount", "insmod", "mkdir", "poweroff", "true", "uname", "echo"):
        (tree / "bin" / name).symlink_to("busybox")
    subprocess.run(["gcc", "-O2", "-static", "-w", "-o", tree / "bin" / "lxbench", ROOT / "bench/peers/lxbench.c", "-lpthread"],
                   check=True)
    subprocess.run(["gcc", "-static", "-nostdlib", "-o", tree / "bin" / "tiny", ROOT / "bench/peers/tiny.c"], check=True)
    modules = with_dependencies(root, MODULES)
    for path in modules:
        shutil.copy(path, tree / "modules" / path.name)
    (tree / "init").write_text(INIT.replace("MODULES", " ".join(path.name for path in modules)))
    os.chmod(tree / "init", 0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*"))) + "\n"
    packed = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names.encode(), capture_output=True,
                            check=True).stdout
    out = BUILD / "peers" / "initrd.gz"
    out.write_bytes(gzip.compress(packed, 6))
    return next((root / "boot").glob("vmlinuz-*")), out


def boot(icount):
    """Boots Linux and runs lxbench; returns (console text, seconds to the first user program)."""
    kernel, initrd = archive(packages())
    image = BUILD / "peers" / "disk.img"
    image.unlink(missing_ok=True)
    subprocess.run([disk.tool("mke2fs"), "-q", "-F", "-t", "ext4", str(image), "1G"],
                   check=True, stdout=subprocess.DEVNULL)
    command = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", CPU, "-m", "512", "-smp", "1", "-nographic",
               "-no-reboot", "-kernel", str(kernel), "-initrd", str(initrd), "-append", APPEND, "-net", "none",
               "-drive", f"file={image},format=raw,if=virtio,cache=unsafe"]
    if icount:
        command += ["-icount", "shift=0"]
    started, booted, text = time.monotonic(), None, []
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
    for line in process.stdout:
        text.append(line)
        if "BOOTED" in line and booted is None:
            booted = time.monotonic() - started
        if line.startswith("B "):
            print(f"  linux: {line.strip()}", flush=True)
        if "PEER DONE" in line:
            break
    process.kill()
    process.wait()
    if not any("PEER DONE" in line for line in text):
        raise RuntimeError("Linux did not finish its measurement:\n" + "".join(text[-15:]))
    return "".join(text), booted
