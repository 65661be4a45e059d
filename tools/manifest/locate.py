# SPDX-License-Identifier: MIT
"""Where each key of a TOML file stands. tomllib says what is in a file, not where; errors need a line.

Only called on text that tomllib has accepted, so it need not judge, only find its way.
"""
import re

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\''  # long strings
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''      # strings
    r"|#[^\n]*|\n|[\[\]{}=,.]|[^\s\[\]{}=,.\"'#]+|[ \t\r]+", re.DOTALL)


def _tokens(text):
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        if not token.startswith("#") and token.strip(" \t\r"):
            yield token, line
        line += token.count("\n")


def _word(token):
    return token[1:-1] if token[:1] in "\"'" else token


class _Reader:
    def __init__(self, text):
        self.tokens = list(_tokens(text)) + [("\n", text.count("\n") + 1), ("", 0)]
        self.at = 0
        self.lines = {}
        self.array_counts = {}

    def peek(self):
        return self.tokens[self.at][0]

    def take(self):
        token = self.tokens[self.at]
        self.at += 1
        return token

    def key(self):
        """A dotted key; returns (parts, line)."""
        parts, line = [], self.tokens[self.at][1]
        while self.peek() not in ("=", "]", "\n", ""):
            token = self.take()[0]
            if token != ".":
                parts.append(_word(token))
        return tuple(parts), line

    def note(self, path, line):
        for depth in range(1, len(path) + 1):
            self.lines.setdefault(path[:depth], line)

    def value(self, path):
        if self.peek() == "{":
            self.inline_table(path)
        elif self.peek() == "[":
            self.array(path)
        else:
            while self.peek() not in (",", "]", "}", "\n", ""):
                self.take()

    def skip_newlines(self):
        while self.peek() == "\n":
            self.take()

    def inline_table(self, path):
        self.take()
        while True:
            self.skip_newlines()
            token = self.peek()
            if token in ("}", ""):
                self.take()
                return
            if token == ",":
                self.take()
                continue
            self.assignment(path)

    def array(self, path):
        self.take()
        index = 0
        while True:
            self.skip_newlines()
            token, line = self.tokens[self.at]
            if token in ("]", ""):
                self.take()
                return
            if token == ",":
                self.take()
                continue
            self.note(path + (index,), line)
            self.value(path + (index,))
            index += 1

    def assignment(self, table):
        parts, line = self.key()
        self.note(table + parts, line)
        self.take()  # =
        self.value(table + parts)

    def header(self):
        self.take()
        many = self.peek() == "["
        if many:
            self.take()
        parts, line = self.key()
        if many:
            count = self.array_counts.get(parts, 0)
            self.array_counts[parts] = count + 1
            parts += (count,)
        self.note(parts, line)
        while self.peek() not in ("\n", ""):
            self.take()
        return parts

    def run(self):
        table = ()
        while self.peek() != "":
            if self.peek() == "\n":
                self.take()
            elif self.peek() == "[":
                table = self.header()
            else:
                self.assignment(table)
        return self.lines


def lines(text):
    """{path of keys: line}. Elements of arrays are told by their number."""
    return _Reader(text).run()
