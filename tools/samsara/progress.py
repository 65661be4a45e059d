# SPDX-License-Identifier: MIT
"""A line that says how far a long run is: rewritten in place on a terminal, printed now and then elsewhere."""
import sys
import time


class Progress:
    def __init__(self, seconds=5):
        self.terminal = sys.stderr.isatty()
        self.interval = 0.2 if self.terminal else seconds
        self.shown, self.drawn = 0.0, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.drawn:
            print(file=sys.stderr)

    def show(self, line):
        """line: a text, or a function that makes it (called only when it is to be shown)."""
        now = time.monotonic()
        if now - self.shown < self.interval:
            return
        self.shown = now
        text = line() if callable(line) else line
        if self.terminal:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
            self.drawn = True
        else:
            print(text, file=sys.stderr, flush=True)
