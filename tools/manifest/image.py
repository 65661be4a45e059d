# SPDX-License-Identifier: MIT
"""Reads image.toml with the files it includes, and checks everything that can be checked on the host.

Each mistake is an Error with file:line; all mistakes of a file set are collected before giving up.
"""
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from . import locate

SERVICES_MAX, HANDLES_MAX, ARGS_MAX = 48, 48, 511
PRIORITY_MAX = 30  # above it are only supervisors
RIGHTS = {"copy": 1, "transfer": 2, "badge": 4, "call": 16, "notify": 64, "control": 1 << 13}
MAY = {"control": 1, "watch": 2, "log": 4, "power": 8}
IRQ_FLAGS = {"level": 1, "low": 2}
SUPERVISOR_PARTS = ("task", "thread", "port", "pages", "stacks", "bootstrap", "module", "kept")
TWIN = "rs"  # the module that may run beside the supervisor, and hold its parts
CHECKPOINT_MAX = 1 << 30
CHECKPOINTS_KEPT = 3  # two good ones, and the one that is being written
MEMORY_RESERVE = 24 << 20  # kernel, supervisor, modules
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}$")
HANDLE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,22}$")
# What may stand in args as ${WORD}; the supervisor puts in what the machine says.
SUBSTITUTIONS = {"ecam", "ecam_buses", "rsdp", "cpus", "cmdline"}


@dataclass(frozen=True)
class Place:
    file: str
    line: int

    def __str__(self):
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Error:
    place: Place
    text: str

    def __str__(self):
        return f"{self.place}: {self.text}"


class ImageError(Exception):
    def __init__(self, errors):
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


@dataclass
class Handle:
    name: str
    kind: str
    place: Place
    a: int = 0
    b: int = 0
    badge: int = 0
    rights: int = 0
    port: str = ""


@dataclass
class Service:
    name: str
    place: Place
    values: dict = field(default_factory=dict)
    places: dict = field(default_factory=dict)  # key -> Place
    handles: list = field(default_factory=list)

    def at(self, key):
        return self.places.get(key, self.place)


@dataclass
class Image:
    name: str
    memory: int
    services: list
    place: Place
    files: list


# ---- Values: each checker gives the value in its final form, or raises ValueError with a sentence. ----

def size(value):
    """Bytes: a number, or text like "64K", "2M", "1G"."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)([KMG])", value)
        if not match:
            raise ValueError(f"'{value}' is no size: write a number, or a number with K, M or G")
        value = int(match[1]) << {"K": 10, "M": 20, "G": 30}[match[2]]
    if type(value) is not int or not 0 < value < 1 << 40:
        raise ValueError(f"{value!r} is no possible size")
    return value


def pages(value):
    number = size(value)
    if number % 4096:
        raise ValueError(f"{number} bytes are not a whole number of 4 KiB pages")
    return number


def whole(low, high):
    def check(value):
        if type(value) is not int:
            raise ValueError(f"{value!r} is no whole number")
        if not low <= value <= high:
            raise ValueError(f"{value} is not in {low}..{high}")
        return value
    return check


def text(longest):
    def check(value):
        if type(value) is not str or len(value.encode()) > longest or "\0" in value:
            raise ValueError(f"{value!r} is no text of at most {longest} bytes")
        return value
    return check


def args(value):
    text(ARGS_MAX)(value)
    for word in re.findall(r"\$\{(\w*)\}?", value):
        if word not in SUBSTITUTIONS:
            raise ValueError(f"args: ${{{word}}} is unknown; known: {', '.join(sorted(SUBSTITUTIONS))}")
    return value


def name(value):
    if type(value) is not str or not NAME.match(value):
        raise ValueError(f"{value!r} is no name (small letters, digits, _ and -, at most 31)")
    return value


def words(table):
    """A list of words of the table, as the sum of their bits."""
    def check(value):
        if type(value) is not list:
            raise ValueError(f"{value!r} is no list of words")
        bits = 0
        for word in value:
            if type(word) is not str or word not in table:
                raise ValueError(f"{word!r} is unknown; known: {', '.join(table)}")
            if bits & table[word]:
                raise ValueError(f"'{word}' stands there twice")
            bits |= table[word]
        return bits
    return check


def names(value):
    if type(value) is not list:
        raise ValueError(f"{value!r} is no list of names")
    found = [name(item) for item in value]
    if len(set(found)) != len(found):
        raise ValueError("a name stands there twice")
    return found


def yes_or_no(value):
    if type(value) is not bool:
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def one_of(*allowed):
    def check(value):
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
        return value
    return check


def no_or(checker):
    """0, or what the checker accepts."""
    return lambda value: 0 if value == 0 and type(value) is int else checker(value)


MS = whole(1, 3_600_000)
KEYS = {  # key: (checker, default; None: must be given)
    "module": (name, ""),
    "args": (args, ""),
    "needs": (names, []),
    "quota": (pages, None),
    "priority": (whole(1, 31), None),
    "budget_us": (whole(0, 10_000_000), 0),
    "period_us": (whole(0, 10_000_000), 0),
    "stack": (pages, 64 << 10),
    "heap": (pages, 0),
    "may": (words(MAY), 0),
    "heartbeat_ms": (whole(0, 3_600_000), 50),
    "missed": (whole(1, 100), 4),
    "request_ms": (MS, 1000),
    "birth_ms": (MS, 10_000),
    "delay_ms": (whole(0, 3_600_000), 10),
    "delay_max_ms": (whole(0, 3_600_000), 2000),
    "growth_percent": (whole(100, 1000), 200),
    "fruitless_limit": (whole(0, 1000), 8),
    "proven_ms": (MS, 5000),
    "heal_ms": (MS, 10_000),
    "last_resort": (one_of("give up", "reboot"), "give up"),
    "spare": (yes_or_no, True),
    "check_moves": (yes_or_no, False),
    "late": (yes_or_no, False),
    "move_ms": (whole(0, 86_400_000), 0),
    "move_jitter_ms": (whole(0, 86_400_000), 0),
    "move_every_requests": (whole(0, 4_000_000_000), 0),
    "checkpoint_ms": (whole(0, 86_400_000), 0),
    "checkpoint": (no_or(pages), 0),
    "undo": (no_or(pages), 0),
    "probation_ms": (whole(0, 86_400_000), 10_000),
    "probation_requests": (whole(0, 4_000_000_000), 1000),
}
RULES = ("heartbeat_ms", "missed", "request_ms", "birth_ms", "delay_ms", "delay_max_ms", "growth_percent",
         "fruitless_limit", "proven_ms", "heal_ms")
CARE = ("move_ms", "move_jitter_ms", "move_every_requests", "checkpoint_ms", "probation_ms", "probation_requests")


class _Source:
    """One TOML file, with lines."""

    def __init__(self, path):
        self.file = str(path)
        content = Path(path).read_text()
        try:
            self.tree = tomllib.loads(content)
        except tomllib.TOMLDecodeError as wrong:
            found = re.search(r"\(at line (\d+)", str(wrong))
            line = int(found[1]) if found else content.count("\n") + 1
            raise ImageError([Error(Place(self.file, line), f"not TOML: {wrong}")]) from wrong
        self.lines = locate.lines(content)

    def at(self, *path):
        while path and path not in self.lines:
            path = path[:-1]
        return Place(self.file, self.lines.get(path, 1))


class _Reader:
    def __init__(self, path):
        self.errors = []
        self.sources = []
        self.load(Path(path), [])
        self.main = self.sources[-1]

    def wrong(self, place, sentence):
        self.errors.append(Error(place, sentence))

    def load(self, path, above):
        """Included files come first, so that later ones override."""
        try:
            source = _Source(path)
        except OSError as wrong:
            raise ImageError([Error(above[-1] if above else Place(str(path), 1), f"{path}: {wrong.strerror}")]) from wrong
        if len(above) > 8:
            raise ImageError([Error(above[-1], "files include each other in a circle")])
        inner = source.tree.get("include", [])
        if type(inner) is not list or not all(type(item) is str for item in inner):
            raise ImageError([Error(source.at("include"), "include is a list of file names")])
        for item in inner:
            self.load(path.parent / item, above + [source.at("include")])
        self.sources.append(source)

    # ---- Merging ----

    def tables(self, source, key):
        found = source.tree.get(key, {})
        if type(found) is not dict:
            self.wrong(source.at(key), f"{key} is a table")
            return {}
        return found

    def defaults(self):
        merged = {key: default for key, (_, default) in KEYS.items()}
        for source in self.sources:
            for key, value in self.tables(source, "defaults").items():
                if key in ("module", "args", "needs", "may") or key not in KEYS:
                    self.wrong(source.at("defaults", key), f"'{key}' can have no default")
                else:
                    merged[key] = self.checked(key, value, source.at("defaults", key), merged[key])
        return merged

    def checked(self, key, value, place, otherwise):
        try:
            return KEYS[key][0](value)
        except ValueError as sentence:
            self.wrong(place, f"{key}: {sentence}")
            return otherwise

    def services(self):
        defaults, found = self.defaults(), {}
        for source in self.sources:
            for title in source.tree.keys() - {"include", "image", "defaults", "service"}:
                self.wrong(source.at(title), f"unknown table or key '{title}'")
            for who, table in self.tables(source, "service").items():
                place = source.at("service", who)
                if not NAME.match(who):
                    self.wrong(place, f"'{who}' is no name for a service")
                if type(table) is not dict:
                    self.wrong(place, f"service.{who} is a table")
                    continue
                service = found.setdefault(who, Service(who, place, dict(defaults)))
                self.merge(service, table, source)
        return found

    def merge(self, service, table, source):
        for key, value in table.items():
            place = source.at("service", service.name, key)
            if key == "handles":
                self.handles(service, value, source)
            elif key not in KEYS:
                self.wrong(place, f"unknown key '{key}'")
            else:
                service.values[key] = self.checked(key, value, place, service.values[key])
                service.places[key] = place

    # ---- Handles ----

    def handles(self, service, table, source):
        if type(table) is not dict:
            self.wrong(source.at("service", service.name, "handles"), "handles is a table")
            return
        for title, value in table.items():
            place = source.at("service", service.name, "handles", title)
            if not HANDLE_NAME.match(title):
                self.wrong(place, f"'{title}' is no name for a handle (at most 23 small letters, digits, _ and -)")
                continue
            service.handles = [handle for handle in service.handles if handle.name != title]
            try:
                service.handles.append(self.handle(title, value, place))
            except ValueError as sentence:
                self.wrong(place, f"handle {title}: {sentence}")

    def handle(self, title, value, place):
        if type(value) is not dict:
            raise ValueError("write a table, such as { port = \"fs\", rights = [\"call\"] }")
        kinds = {"port": self.port, "io": self.extent(1 << 16), "mmio": self.extent(1 << 52),
                 "irqs": self.extent(1 << 32), "irq": self.irq, "dma": self.flag, "ecam": self.flag,
                 "supervisor": self.supervisor}
        given = [key for key in value if key in kinds]
        if len(given) != 1:
            raise ValueError(f"says {' and '.join(given) or 'nothing'}; it must be one of {', '.join(kinds)}")
        handle = Handle(title, given[0], place)
        rest = dict(value)
        kinds[given[0]](handle, rest.pop(given[0]), rest)
        if rest:
            raise ValueError(f"unknown key '{next(iter(rest))}'")
        return handle

    @staticmethod
    def port(handle, value, rest):
        handle.port = name(value)
        handle.rights = words(RIGHTS)(rest.pop("rights", ["call"]))
        if not handle.rights & (RIGHTS["call"] | RIGHTS["notify"]):
            raise ValueError("a port is of no use without call or notify")
        handle.badge = rest.pop("badge", 0)
        if type(handle.badge) is not int or not 0 <= handle.badge < 1 << 63:
            raise ValueError(f"badge {handle.badge!r} is not in 1..2^63-1")

    @staticmethod
    def extent(limit):
        def check(handle, value, rest):
            if value == "all":
                return
            if type(value) is not list or len(value) != 2 or not all(type(number) is int for number in value):
                raise ValueError("write [first, how many], or \"all\"")
            first, count = value
            if first < 0 or count <= 0 or first + count > limit:
                raise ValueError(f"[{first}, {count}] leaves 0..{limit:#x}")
            handle.a, handle.b = first, count
        return check

    @staticmethod
    def irq(handle, value, rest):
        handle.a = whole(0, 255)(value)
        handle.b = words(IRQ_FLAGS)(rest.pop("trigger", []))

    @staticmethod
    def supervisor(handle, value, rest):
        handle.a = SUPERVISOR_PARTS.index(one_of(*SUPERVISOR_PARTS)(value))

    @staticmethod
    def flag(handle, value, rest):
        if value is not True:
            raise ValueError("write true")

    # ---- The whole ----

    def image(self):
        table = self.main.tree.get("image")
        if type(table) is not dict:
            raise ImageError(self.errors + [Error(Place(self.main.file, 1), "there is no [image] table")])
        for key in table.keys() - {"name", "memory", "services"}:
            self.wrong(self.main.at("image", key), f"unknown key '{key}'")
        known = self.services()
        listed = self.main_value(table, "services", names, list(known))
        services = []
        for index, who in enumerate(listed):
            if who in known:
                services.append(known[who])
            else:
                self.wrong(self.main.at("image", "services", index), f"there is no service '{who}'")
        image = Image(self.main_value(table, "name", name, "?"), self.main_value(table, "memory", size, 1 << 40),
                      services, self.main.at("image"), [Path(source.file) for source in self.sources])
        self.check(image)
        if self.errors:
            raise ImageError(sorted(set(self.errors), key=lambda error: (error.place.file, error.place.line, error.text)))
        return image

    def main_value(self, table, key, checker, otherwise):
        if key not in table:
            self.wrong(self.main.at("image"), f"[image] must say its {key}")
            return otherwise
        try:
            return checker(table[key])
        except ValueError as sentence:
            self.wrong(self.main.at("image", key), f"{key}: {sentence}")
            return otherwise

    def check(self, image):
        if not 1 <= len(image.services) <= SERVICES_MAX:
            self.wrong(image.place, f"an image has 1 to {SERVICES_MAX} services, not {len(image.services)}")
        numbers = {service.name: number for number, service in enumerate(image.services, 1)}
        for service in image.services:
            self.check_service(image, service, numbers)
        self.check_circles(image)
        self.check_badges(image)
        self.check_memory(image)

    def check_service(self, image, service, numbers):
        values = service.values
        values["module"] = values["module"] or service.name
        for key in [key for key, value in values.items() if value is None]:
            if key not in service.places:  # else it was given, and wrong
                self.wrong(service.place, f"service {service.name} must say its {key}")
            values[key] = 4096 if key == "quota" else 1
        for needed in values["needs"]:
            if needed not in numbers:
                self.wrong(service.at("needs"), f"service {service.name} needs '{needed}', which is not in this image")
            elif needed == service.name:
                self.wrong(service.at("needs"), f"service {service.name} needs itself")
            elif image.services[numbers[needed] - 1].values["late"] and not values["late"]:
                self.wrong(service.at("needs"), f"service {service.name} needs '{needed}', which is late: only late services may")
        if values["stack"] + values["heap"] > values["quota"]:
            self.wrong(service.at("quota"), f"service {service.name}: stack and heap do not fit into its quota")
        if bool(values["budget_us"]) != bool(values["period_us"]) or values["budget_us"] > values["period_us"]:
            self.wrong(service.at("budget_us"), f"service {service.name}: budget_us must be at most period_us, and both or none given")
        if values["delay_ms"] > values["delay_max_ms"]:
            self.wrong(service.at("delay_ms"), f"service {service.name}: delay_ms is larger than delay_max_ms")
        if values["request_ms"] < values["heartbeat_ms"]:
            self.wrong(service.at("request_ms"), f"service {service.name}: request_ms is shorter than heartbeat_ms, which finds it out")
        if values["move_jitter_ms"] and not values["move_ms"]:
            self.wrong(service.at("move_jitter_ms"), f"service {service.name}: move_jitter_ms means nothing without move_ms")
        if values["checkpoint_ms"] and not values["checkpoint"]:
            self.wrong(service.at("checkpoint_ms"), f"service {service.name}: checkpoint must say how large one may be")
        if values["checkpoint"] > CHECKPOINT_MAX:
            self.wrong(service.at("checkpoint"), f"service {service.name}: a checkpoint has at most {CHECKPOINT_MAX >> 20} MiB")
        if values["priority"] > PRIORITY_MAX and values["module"] != TWIN:
            self.wrong(service.at("priority"), f"service {service.name}: priority: {values['priority']} is not in 1..{PRIORITY_MAX}")
        if len(service.handles) > HANDLES_MAX:
            self.wrong(service.place, f"service {service.name} has more than {HANDLES_MAX} handles")
        for handle in service.handles:
            if handle.kind == "supervisor" and values["module"] != TWIN:
                self.wrong(handle.place, f"handle {handle.name}: only the module '{TWIN}' may hold parts of the supervisor")
            if handle.port and handle.port not in numbers:
                self.wrong(handle.place, f"handle {handle.name}: there is no service '{handle.port}' in this image")
            if handle.port and not handle.badge:
                handle.badge = numbers[service.name]

    def check_circles(self, image):
        left = {service.name: set(service.values["needs"]) & {other.name for other in image.services} for service in image.services}
        while True:
            free = {who for who, needs in left.items() if not needs & left.keys()}
            if not free:
                break
            for who in free:
                del left[who]
        circle = sorted(who for who in left if any(who in needs for needs in left.values()))
        if circle:
            first = next(service for service in image.services if service.name in circle)
            self.wrong(first.at("needs"), f"these services need each other in a circle: {', '.join(circle)}")

    def check_badges(self, image):
        """Two clients with one badge could not be told apart by the service; two device handles would fight."""
        seen = {}
        for service in image.services:
            for handle in service.handles:
                if handle.port and handle.rights & RIGHTS["call"]:
                    key = ("port", handle.port, handle.badge)
                    what = f"badge {handle.badge:#x} on {handle.port}"
                elif handle.kind in ("irq", "io") and (handle.b or handle.kind == "irq"):
                    key, what = (handle.kind, handle.a), f"{handle.kind} {handle.a:#x}"
                else:
                    continue
                if key in seen:
                    self.wrong(handle.place, f"handle {handle.name} of {service.name}: {what} is given twice, first at {seen[key]}")
                seen.setdefault(key, handle.place)

    def check_memory(self, image):
        quotas = [service.values["quota"] for service in image.services]
        # One more of the largest: while a service is reborn, the dead one's memory is still there.
        total = sum(quotas) + max(quotas, default=0) + MEMORY_RESERVE
        total += sum(CHECKPOINTS_KEPT * service.values["checkpoint"] for service in image.services)
        if total > image.memory:
            self.wrong(self.main.at("image", "memory"), f"all quotas, the largest a second time, and {MEMORY_RESERVE >> 20} MiB for the "
                       f"kernel make {total >> 20} MiB; the machine has {image.memory >> 20} MiB")


def read(path):
    """The checked Image, or ImageError with everything that is wrong."""
    reader = _Reader(path)
    return reader.image()
