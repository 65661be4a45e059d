# SPDX-License-Identifier: MIT
"""Splits an interface description into tokens that know where they stand."""

import re
from dataclasses import dataclass


class IdlError(Exception):
    """One mistake in a description, told as file:line:column."""

    def __init__(self, where, text):
        super().__init__(f"{where}: error: {text}")
        self.where = where


@dataclass(frozen=True)
class Place:
    file: str
    line: int
    column: int

    def __str__(self):
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Token:
    kind: str  # "name", "number", "symbol", "doc" or "end"
    text: str
    at: Place

    def __str__(self):
        return "the end of the file" if self.kind == "end" else f"'{self.text}'"


PATTERN = re.compile(
    r"(?P<doc>///[^\n]*)|(?P<skip>//[^\n]*|[ \t\r]+)|(?P<newline>\n)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>0[xX][0-9a-fA-F]+\b|[0-9]+\b)"
    r"|(?P<symbol>\.\.|->|<<|[{}()\[\];:,=*+-])"
)


def tokens(text, file):
    """All tokens of `text`, an "end" token last."""
    found = []
    line, line_start, at = 1, 0, 0
    while at < len(text):
        place = Place(file, line, at - line_start + 1)
        match = PATTERN.match(text, at)
        if not match:
            raise IdlError(place, f"the character {text[at]!r} has no meaning here")
        at = match.end()
        kind = match.lastgroup
        if kind == "newline":
            line, line_start = line + 1, at
        elif kind == "doc":
            found.append(Token("doc", match.group()[3:].removeprefix(" ").rstrip(), place))
        elif kind != "skip":
            found.append(Token(kind, match.group(), place))
    found.append(Token("end", "", Place(file, line, at - line_start + 1)))
    return found
