# SPDX-License-Identifier: MIT
"""The tutorial shows code that exists: each excerpt stands, line by line, in a file of the template server."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "server-tutorial.md"
FILES = ["servers/template/main.c", "servers/template/build.mk", "interfaces/template.idl", "images/rttest/image.toml"]
EXCERPTS = re.findall(r"^```c?\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)


def test_there_are_excerpts():
    assert len(EXCERPTS) >= 10


@pytest.mark.parametrize("excerpt", EXCERPTS)
def test_excerpt_is_real(excerpt):
    assert any(excerpt in (ROOT / file).read_text() for file in FILES), f"not in any of {FILES}:\n{excerpt}"
