# SPDX-License-Identifier: MIT
"""The documentation keeps up with the code: nothing of the ABI is missing in it, no link is dead, and code shown is code that is
there."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KERNEL = (ROOT / "docs" / "kernel.md").read_text()
SYSCALLS = re.findall(r"^SYSCALL\((\d+), (\w+),", (ROOT / "kernel/abi/syscall.def").read_text(), re.MULTILINE)
STATUSES = re.findall(r"^STATUS\((\w+), (\d+),", (ROOT / "kernel/abi/status.def").read_text(), re.MULTILINE)
SECTIONS = dict(re.findall(r"^#### (\w+) \(\d+\)\n(.*?)(?=^#)", KERNEL + "\n#", re.MULTILINE | re.DOTALL))
SOURCES = "\n".join(p.read_text() for p in sorted((ROOT / "kernel").rglob("*.c")) if "test" not in p.parts)
HANDLERS = dict(re.findall(r"^int sys_(\w+)\(.*?\)\n\{\n(.*?)^\}", SOURCES, re.MULTILINE | re.DOTALL))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])

# What the words in the page stand for (section "Conventions").
IN_WORDS = {
    "handle errors": {"ERR_HANDLE", "ERR_TYPE", "ERR_RIGHTS"},
    "address errors": {"ERR_FAULT", "ERR_QUOTA", "ERR_MEMORY"},
    "room errors": {"ERR_QUOTA", "ERR_MEMORY"},
}


def test_the_lists_were_found():
    assert len(SYSCALLS) > 60 and len(STATUSES) > 20 and len(PAGES) > 10
    assert {name for _, name in SYSCALLS} <= set(HANDLERS)


@pytest.mark.parametrize("number, name", SYSCALLS)
def test_every_system_call_has_its_section(number, name):
    assert f"#### {name} ({number})\n" in KERNEL


def test_no_section_is_left_over():
    assert set(SECTIONS) == {name for _, name in SYSCALLS}


@pytest.mark.parametrize("name", [name for _, name in SYSCALLS])
def test_errors_of_the_handler_are_told(name):
    section = " ".join(SECTIONS[name].split())
    other = re.search(r"\bas (?:for )?`(\w+)`", section)
    told = section + (SECTIONS[other[1]] if other else "")
    known = set(re.findall(r"ERR_\w+", told)).union(*(codes for words, codes in IN_WORDS.items() if words in told))
    assert set(re.findall(r"\bERR_\w+", HANDLERS[name])) <= known


@pytest.mark.parametrize("name, number", STATUSES)
def test_every_status_has_its_row(name, number):
    assert re.search(rf"^\| `{name}` \| {number} \|", KERNEL, re.MULTILINE)


def anchors(text):
    """The names that a reader's browser gives to the headings."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert not anchor or anchor in anchors(place.read_text()), target


# "```c servers/template/main.c" at the head of a block: its lines stand in that file.
SHOWN = [(page, path, code)
         for page in PAGES
         for path, code in re.findall(r"^```\w+ (\S+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)]


def test_code_is_shown():
    assert len(SHOWN) >= 15


@pytest.mark.parametrize("page, path, code", SHOWN, ids=lambda x: str(x)[-30:].strip() if isinstance(x, str) else "")
def test_code_shown_stands_in_its_file(page, path, code):
    assert code in (ROOT / path).read_text(), f"{page.name}: not in {path}:\n{code}"


DOCS = ROOT / "docs"
MISTAKES = re.findall(r"^\| (\[.*) \| (`.*`) \|$", (DOCS / "rebirth.md").read_text(), re.M)


@pytest.mark.parametrize("mistake,said", MISTAKES)
def test_a_mistake_is_refused_in_these_words(mistake, said):
    """Each row names the tests of the compiler passes in which the build says just that."""
    links = re.findall(r"\]\(([^)]*/error_[^)]*)\)", mistake)
    assert links
    for link in links:
        for words in re.findall(r"`([^`]*)`", said):
            checks = [line for line in (DOCS / link).read_text().splitlines() if "CHECK" in line]
            assert any(words in line for line in checks), (link, words)


def test_mistakes_are_listed():
    assert len(MISTAKES) >= 12
