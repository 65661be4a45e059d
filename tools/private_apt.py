# SPDX-License-Identifier: MIT
"""apt with a configuration of its own: lists and cache under third_party/apt, nothing of the user's changed."""
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def host_lines():
    """deb and deb-src lines for the Debian archives that this machine's own apt is set up to use."""
    lines = []
    etc = Path("/etc/apt")
    for listing in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
        if listing.is_file():
            for line in listing.read_text().splitlines():
                if re.match(r"deb\s.*debian", line):
                    lines += [line, re.sub(r"^deb\s", "deb-src ", line)]
    for listing in sorted((etc / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", listing.read_text()):
            fields = dict(re.findall(r"^([\w-]+):\s*(.*)$", stanza, re.MULTILINE))
            if "debian" not in fields.get("URIs", "") or fields.get("Enabled", "yes") == "no":
                continue
            options = f"[signed-by={fields['Signed-By']}] " if fields.get("Signed-By", "").startswith("/") else ""
            for uri in fields["URIs"].split():
                for suite in fields.get("Suites", "").split():
                    lines += [f"{kind} {options}{uri} {suite} {fields.get('Components', 'main')}" for kind in ("deb", "deb-src")]
    return lines


def prepare():
    """Refreshes the private lists; returns the command prefix for apt-get, or raises RuntimeError."""
    base = ROOT / "third_party" / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "empty"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    if not shutil.which("apt-get"):
        raise RuntimeError("no apt-get on this machine")
    lines = host_lines()
    if not lines:
        raise RuntimeError("this machine's apt knows no Debian archive")
    (base / "sources.list").write_text("\n".join(lines) + "\n")
    config = base / "apt.conf"
    config.write_text(
        f'Dir::Etc::sourcelist "{base}/sources.list";\nDir::Etc::sourceparts "{base}/empty";\n'
        f'Dir::State::lists "{base}/lists";\nDir::Cache "{base}/cache";\n'
        'Acquire::Languages "none";\nAPT::Sandbox::User "";\nAcquire::Retries "3";\n'
    )
    command = ["apt-get", "-c", str(config), "-q"]
    print("+", " ".join(command + ["update"]), flush=True)
    if subprocess.run(command + ["update"], stdout=subprocess.DEVNULL).returncode:
        raise RuntimeError("apt-get update (private configuration) failed, see above")
    return command
