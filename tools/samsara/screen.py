# SPDX-License-Identifier: MIT
"""The demo's screen: plain ANSI, so that it works in any terminal and over ssh."""
import os
import select
import shutil
import sys
import termios
import time
import tty

from .session import WAY_TEXT, WAYS

BOLD, DIM, RED, GREEN, YELLOW, CYAN, INVERSE, RESET = (f"\x1b[{n}m" for n in (1, 2, 31, 32, 33, 36, 7, 0))
STRIP_COLOUR = {"c": GREEN, "k": DIM, "d": YELLOW, "s": RED, "h": CYAN, "#": BOLD}
STRIP_LEGEND = (("c", "code"), ("k", "constants"), ("d", "data"), ("s", "stack"), ("h", "heap"), ("#", "several"))
STATE_COLOUR = {"running": GREEN, "ready": GREEN, "starting": YELLOW, "dead": RED, "given up": RED, "held": CYAN}


def size_text(count):
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def time_text(nanoseconds):
    if not nanoseconds:
        return "-"
    if nanoseconds < 1e6:
        return f"{nanoseconds / 1e3:.0f} us"
    return f"{nanoseconds / 1e6:.1f} ms" if nanoseconds < 1e9 else f"{nanoseconds / 1e9:.1f} s"


def strip_text(cells):
    """A row of cells of apps/lib/strip.c in colour."""
    return "".join(f"{STRIP_COLOUR[cell]}{cell}{RESET}" if cell in STRIP_COLOUR else "·" for cell in cells)


def course(incident):
    """What happened in an incident, in order, with the time since the death; steps that are not known are left out."""
    began = incident["death"]
    steps = [(incident.get(key), text) for key, text in (
        ("detected", "detected"), ("newborn", "spare starts" if incident.get("spare") else "newborn starts"),
        ("moved", f"state moved (in {time_text(incident.get('move_ns'))})"), ("ready", "ready"),
        ("redelivered", "request delivered again"), ("first_work", "first good answer"))]
    known = sorted((at - began, text) for at, text in steps if at)
    return [f"{time_text(after) if after > 0 else '0 us'} {text}" for after, text in known]


class Screen:
    """Draws a session and turns keys into actions. Use it as a context manager: it restores the terminal."""

    def __init__(self, session):
        self.session = session
        self.selected, self.way = session.targets[0], 0
        self.drawn = 0.0

    def __enter__(self):
        self.saved = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
        return self

    def __exit__(self, *_):
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.saved)
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()

    # -- keys

    def keys(self):
        """Handles the keys that were pressed."""
        while select.select([sys.stdin], [], [], 0)[0]:
            typed = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
            if not typed:
                self.session.quit = True
                return
            self.key(typed)

    def key(self, typed):
        session = self.session
        names = sorted(session.services)
        if typed in ("\x1b[A", "\x1b[B", "k", "j") and names:
            step = -1 if typed in ("\x1b[A", "k") else 1
            at = names.index(self.selected) if self.selected in names else 0
            self.selected = names[(at + step) % len(names)]
        elif typed in ("\x1b[C", "\x1b[D", "l", "h", "\t"):
            self.way = (self.way + (-1 if typed in ("\x1b[D", "h") else 1)) % len(WAYS)
        elif typed in ("\r", "\n", "x"):
            session.kill(self.selected, WAYS[self.way])
        elif typed in ("p", " "):
            session.paused = not session.paused
            session.command("pause" if session.paused else "resume")
        elif typed in ("q", "Q"):
            session.quit = True

    # -- drawing

    def draw(self):
        if time.monotonic() - self.drawn < 0.1:
            return
        self.drawn = time.monotonic()
        width, height = shutil.get_terminal_size((80, 24))
        lines = [self.title(width), "", *self.table(width), "", *self.workload(width), "", *self.layout(), *self.incident(width), ""]
        room = max(2, height - len(lines) - 2)
        recent = list(self.session.recent)[-room:]
        lines += [f"{DIM}{at:8.3f} s{RESET}  {text}" for at, text in recent]
        lines += [""] * (height - len(lines) - 1)
        lines = lines[:height - 1] + [self.footer()]
        sys.stdout.write("\x1b[H" + "\r\n".join(clip(line, width) + "\x1b[K" for line in lines))
        sys.stdout.flush()

    def title(self, width):
        session = self.session
        state = "paused" if session.paused else "finishing" if session.finishing else "killing"
        return (f"{BOLD}Samsara{RESET} {session.given.cpus} CPU, {session.machine.accel} "
                f"{time.monotonic() - session.started:6.1f} s  {YELLOW}{state}{RESET}  layouts {len(session.layouts)}  "
                f"deaths {BOLD}{session.asked}{RESET} of {session.kills_wanted}: {session.target}")

    def table(self, width):
        yield f"{BOLD}{'service':10} {'state':9} {'incarn.':>7} {'beat':>7} {'deaths':>6} {'recovery':>9}  last cause of death{RESET}"
        for name, entry in sorted(self.session.services.items()):
            colour = STATE_COLOUR.get(entry.get("state"), "")
            beat = entry.get("beat_ms")
            cause = " ".join(filter(None, (entry.get("cause"), entry.get("place") and f"at {entry['place']}")))
            mark = INVERSE if name == self.selected else ""
            yield (f"{mark}{name:10}{RESET} {colour}{entry.get('state', '?'):9}{RESET} {entry.get('incarnation', 0):7} "
                   f"{'-' if beat is None else f'{beat} ms':>7} {entry.get('restarts', 0):6} "
                   f"{time_text(entry.get('recovery_ns')):>9}  {cause}")

    def workload(self, width):
        now, session = self.session.progress, self.session
        total, done = now.get("total", 0), now.get("bytes", 0)
        share = min(1.0, done / total) if total else 0
        room = max(10, min(40, width - 60))
        bar = "█" * int(share * room) + "░" * (room - int(share * room)) if total else "·" * room
        errors = len(session.errors) + now.get("errors", 0)
        yield (f"{BOLD}workload{RESET}   {now.get('phase', 'starting'):7} {bar} {size_text(done)}"
               f"{' of ' + size_text(total) if total else ''}  {CYAN}{size_text(session.rate)}/s{RESET}")
        yield (f"           {now.get('files', 0)} files hashed, {now.get('ops', 0)} operations, round {now.get('round', 0)};  "
               f"{RED if errors else GREEN}{BOLD}errors seen by clients: {errors}{RESET}")

    def layout(self):
        """Where the selected service lies: another picture after each birth and each move."""
        strips = self.session.strips.get(self.selected)
        if not strips:
            yield f"{BOLD}layout{RESET}     nothing is known yet of {self.selected}"
            return
        legend = " ".join(f"{STRIP_COLOUR[cell]}{cell}{RESET} {text}" for cell, text in STRIP_LEGEND)
        yield f"{BOLD}layout{RESET}     {self.selected}[{strips['incarnation']}]  {legend}"
        yield f"  2 GiB    |{strip_text(strips['window'])}|"
        yield f"  128 TiB  |{strip_text(strips['space'])}|"

    def incident(self, width):
        """The course of its last death, wrapped."""
        incident = self.session.incidents.get(self.selected)
        steps = course(incident) if incident else ["none yet"]
        line = f"{self.selected}[{incident['incarnation']}] {incident['cause']}: " if incident else ""
        head = f"{BOLD}incident{RESET}   "
        for number, step in enumerate(steps):
            step += ", " if number < len(steps) - 1 else ""
            if len(line) + len(step.rstrip()) + 11 > width:
                yield head + line
                head, line = " " * 11, ""
            line += step
        yield head + line

    def footer(self):
        return (f"{INVERSE} arrows {RESET} {BOLD}{self.selected}{RESET}: {BOLD}{WAY_TEXT[WAYS[self.way]]}{RESET}  "
                f"{INVERSE} enter {RESET} kill  {INVERSE} p {RESET} pause  {INVERSE} q {RESET} quit")


def clip(line, width):
    """Cuts a line with colour codes to width visible characters."""
    out, seen, at = [], 0, 0
    while at < len(line):
        if line[at] == "\x1b":
            end = line.find("m", at) + 1
            out.append(line[at:end])
            at = end
            continue
        if seen < width:
            out.append(line[at])
            seen += 1
        at += 1
    return "".join(out) + RESET
