# SPDX-License-Identifier: MIT
"""The shell: every command does what it says on the real disk, and its mistakes are told in words."""
import hashlib
import re
import time

import pytest
from conftest import Shell, assert_clean

from tools.samsara import disk


@pytest.fixture
def shell(boot, small_disk):
    return Shell(boot("run", small_disk[0]))


def wait_for_incarnation(shell, service, incarnation, timeout=20):
    limit = time.monotonic() + timeout
    while time.monotonic() < limit:
        words = next(line.split() for line in shell.run("ps").splitlines() if line.startswith(service + " "))
        if words[1] == "ready" and int(words[2]) >= incarnation:
            return words
        time.sleep(0.05)
    pytest.fail(f"{service} did not come back: {words}")


def test_files(boot, small_disk):
    path, planted = small_disk
    shell = Shell(boot("run", path))
    for line in ("mkdir -p /a/b/c", "write '/a/one two' hello  world", "append '/a/one two' again",
                 "cp '/a/one two' /a/b", "mv '/a/b/one two' /a/b/moved", "ln -s b/moved /a/link", "ln /a/b/moved /a/hard",
                 "cp -r /a /copy", "echo redirected > /a/out; echo more >> /a/out", "touch /a/empty",
                 "truncate /a/b/c/big 3M", "cp /big.bin /a/big2", "cd /a/b; write here relative; cd /", "sync"):
        assert shell.run(line) == "", line
    assert shell.run("cat '/a/one two'") == "hello world\nagain\n"
    assert shell.run("cat /a/link") == "hello world\nagain\n"
    assert shell.run("cat /a/out") == "redirected\nmore\n"
    assert shell.run("cat /a/b/here") == "relative\n"
    assert shell.run("sha256sum /a/big2 /a/empty").split() == [
        planted["/big.bin"], "/a/big2", hashlib.sha256().hexdigest(), "/a/empty"]
    assert shell.run("ls /a").split() == ["b/", "big2", "empty", "hard", "link", "one", "two", "out"]
    assert re.search(r"^lrwxrwxrwx .* link -> b/moved$", shell.run("ls -l /a"), re.MULTILINE)
    assert "3145728 bytes" in shell.run("stat /a/b/c/big")
    assert "writable" in shell.run("df")
    assert shell.run("rm -r /copy; rm /a/empty; rmdir /a/b/c") == (
        "rmdir: /a/b/c: the directory is not empty: use rm -r\n")
    assert shell.run("ls /copy") == "ls: /copy: no such file or directory\n"
    assert shell.power_off() == 0
    assert_clean(path)
    found = disk.hash_image(path)
    text = hashlib.sha256(b"hello world\nagain\n").hexdigest()
    assert found["/a/one two"] == found["/a/b/moved"] == found["/a/hard"] == text
    assert found["/a/b/c/big"] == hashlib.sha256(bytes(3 << 20)).hexdigest()
    assert found["/a/big2"] == planted["/big.bin"]
    assert not any(name.startswith("/copy") for name in found)
    assert {name: found.get(name) for name in planted} == planted


@pytest.mark.parametrize("line, told", [
    ("frobnicate", "frobnicate: there is no such command; help lists all"),
    ("ls -q", "ls: there is no option -q"),
    ("cat", "cat: usage: cat FILE..."),
    ("cat /nowhere", "cat: /nowhere: no such file or directory"),
    ("cat /tree", "cat: /tree: it is a directory"),
    ("cp /tree /t", "cp: /tree: it is a directory: use cp -r"),
    ("cp -r /tree /tree/x", "cp: /tree: a directory cannot be copied into itself"),
    ("rm /tree", "rm: /tree: it is a directory: use rm -r or rmdir"),
    ("mkdir /tree", "mkdir: /tree: it exists already: remove it first or choose another name"),
    ("echo 'a", "a quote is not closed"),
    ("echo x > /no/where", "echo: /no/where: no such file or directory"),
    ("truncate /big.bin many", "truncate: usage: truncate FILE SIZE[K|M|G]"),
    ("kill nobody", "kill: nobody: there is no such service; ps shows them"),
    ("release time", "release: time: this cannot be done while it is ready: it is not held, is being moved already, "
                     "or commands itself"),
    ("kill blk softly", "kill: usage: kill SERVICE [null|jump|loop|assert|exit|now]"),
])
@pytest.mark.together
def test_mistakes(shared_shell, line, told):
    assert told in shared_shell.run(line).splitlines()


@pytest.fixture(scope="module")
def shared_shell(tmp_path_factory):
    from tools.samsara import BUILD, qemu
    folder = tmp_path_factory.mktemp("shell")
    disk.make(folder / "disk.img", seed=11, mib=64, tree_files=60, big_mib=2)
    with qemu.Machine(BUILD / "images" / "run.cpio", folder / "disk.img", accel="tcg",
                      debug_log=str(folder / "log")) as machine:
        yield Shell(machine)


def test_services(shell):
    assert shell.run("kill blk assert") == ""
    words = wait_for_incarnation(shell, "blk", 2)
    assert "assert" in words
    assert shell.run("restart time") == ""
    wait_for_incarnation(shell, "time", 2)
    wait_for_incarnation(shell, "entropy", 1)  # started late, once nothing else has to be done
    assert shell.run("hang entropy") == ""
    wait_for_incarnation(shell, "entropy", 2)
    assert shell.run("hold pci") == ""
    assert "held" in shell.run("ps")
    assert shell.run("rs move pci") == "rs: pci: this cannot be done while it is held; release lets it go on\n"
    assert shell.run("release pci") == ""
    deaths = shell.run("deaths")
    assert "blk" in deaths and "assert" in deaths and "entropy" in deaths
    record = shell.run("deaths blk")
    assert "rip" in record and "asked to fail an assertion" in record
    assert "kernel up" in shell.run("log")
    assert "died" in shell.run("trace past")


def strips(shell, service):
    return re.findall(r"(window|space) +\|([.ckdsh#]{64})\|", shell.run(f"rs layout {service}"))


def test_layouts_are_shown_and_change(shell):
    before = strips(shell, "blk")
    assert [what for what, _ in before] == ["window", "space"]
    assert {"c", "d"} <= set(before[0][1]) | set("cd" if "#" in before[0][1] else "") and "h" in before[1][1]
    assert strips(shell, "blk") == before
    shell.run("rs move blk")
    wait_for_incarnation(shell, "blk", 2)
    moved = strips(shell, "blk")
    assert moved[0] != before[0] and moved[1] != before[1]
    assert "no such service" in shell.run("rs layout nobody")
    assert "none" in shell.run("rs dead-letters")
    assert "no such death record" in shell.run("rs incident 5")
    shell.run("kill blk null")
    wait_for_incarnation(shell, "blk", 3)
    assert "detected: the kernel's fault message came" in shell.run("rs incident 0")
    assert "\nrs replay N\n" in shell.run("help rs")


@pytest.mark.parametrize("way", ["now", "null", "loop"])
@pytest.mark.seconds(10)
def test_open_files_outlive_the_file_service(boot, small_disk, way):
    """fs dies while a command has files open and reads them: the command notices nothing."""
    path, planted = small_disk
    machine = boot("run", path)
    shell = Shell(machine)
    digest = planted["/big.bin"].encode()
    machine.console.write(b"sha256sum" + b" /big.bin" * 60 + b"\r")
    machine.events.wait_for(b"hello", 60)  # before, nobody listens to orders
    at = machine.console.wait_for(digest, 60, shell.at)
    machine.events.write(f"kill fs {way}\n".encode())
    for _ in range(59):
        at = machine.console.wait_for(digest, 60, at)
    shell.at = machine.console.wait_for(b"samsara:", 60, at)
    lines = bytes(machine.console.seen[:shell.at]).decode(errors="replace").split("\r\n")
    hashed = [line for line in lines if line.endswith("  /big.bin")]
    assert not [line for line in lines if line.startswith("sha256sum:")]
    assert len(hashed) == 60 and {line.split()[0] for line in hashed} == {planted["/big.bin"]}
    assert "fs[1] died" in machine.kernel_log()


def test_the_machine(shell):
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\n", shell.run("date"))
    assert re.search(r"memory \S+ MiB, free", shell.run("free"))
    assert re.fullmatch(r"up \d+:\d\d:\d\d; processors: \d+\.\d{6} s at work\n", shell.run("uptime"))
    assert "sha256sum" in shell.run("help")


def test_keys(shell):
    """Tab, history, editing and Ctrl-C over the serial line."""
    assert "sizes" in shell.run("ls /si\t"[:-1] + "\x15ls /")  # ^U drops what was typed before
    assert "59.bin" in shell.run("ls /siz\t")
    assert shell.run("ec\tone") == "one\n"
    assert shell.run("\x1b[A") == "one\n"
    assert shell.run("\x10\x10\x0e\x7f\x7f\x7ftwo") == "two\n"
    assert shell.run("echo ac\x1b[Db") == "abc\n"
    console = shell.machine.console
    console.write(b"sha256sum " + b"/big.bin " * 40 + b"\r")
    console.wait_for(b"big.bin\r\n", 20, shell.at + 400)
    console.write(b"\x03")
    after = console.wait_for(b"^C", 10, shell.at)
    shell.at = console.wait_for(b"samsara:", 10, after)
    assert shell.run("echo alive") == "alive\n"
