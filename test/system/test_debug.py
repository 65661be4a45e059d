# SPDX-License-Identifier: MIT
"""./build.sh debug: GDB sees the kernel's symbols at the base that this boot has drawn."""
import subprocess
import sys

from tools.samsara import ROOT


def test_kernel_symbols_of_this_boot():
    commands = ["samsara boot", "tbreak kernel_start", "continue", "bt 2", "tbreak sys_irq_bind", "continue", "info symbol $rip"]
    words = [word for command in commands for word in ("--command", command)]
    done = subprocess.run([sys.executable, "-m", "tools.samsara", "debug", "--batch", *words], cwd=ROOT, capture_output=True,
                          text=True, timeout=120)
    assert "kernel at 0xffff" in done.stdout, done.stdout + done.stderr
    assert "in boot_main" in done.stdout, done.stdout
    assert "sys_irq_bind" in done.stdout.splitlines()[-2] + done.stdout.splitlines()[-1], done.stdout
