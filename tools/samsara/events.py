# SPDX-License-Identifier: MIT
"""The machine-readable event stream of the guest (apps/README.md says what is in it)."""
import json


class EventReader:
    """Cuts the bytes of the event line into JSON objects; counts what is no JSON instead of hiding it."""

    def __init__(self):
        self.rest = b""
        self.garbage = []

    def feed(self, data):
        """Takes new bytes; returns the events that became complete."""
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        events = []
        for line in lines:
            if not line.strip():
                continue
            try:
                event = json.loads(line)
                if not isinstance(event, dict) or "ev" not in event:
                    raise ValueError
                events.append(event)
            except ValueError:
                self.garbage.append(line)
        return events
