# SPDX-License-Identifier: MIT
"""The rules of the language: what parses but means nothing is refused here, all mistakes at once."""

import re
from pathlib import Path

from . import model
from .lexer import IdlError

STATUS_DEF = Path(__file__).resolve().parents[2] / "kernel" / "abi" / "status.def"
OPERATIONS_MAX = 255
LOWER = re.compile(r"[a-z][a-z0-9_]*$")
UPPER = re.compile(r"[A-Z][A-Z0-9_]*$")
# Words of C, and names that the generated functions use for themselves.
C_WORDS = set("""alignas alignof auto bool break case char const constexpr continue default do double
    else enum extern false float for goto if inline int long nullptr register restrict return short
    signed sizeof static static_assert struct switch thread_local true typedef typeof union unsigned
    void volatile while""".split())  # fmt: skip
OWN_NAMES = {"service_port", "m", "status", "err", "rq", "ops", "w", "fits", "handle", "parked", "words"}


def status_names(path=STATUS_DEF):
    """Status name -> sentence, in the order of the list."""
    found = re.findall(r'^STATUS\((\w+), \d+, "(.*)"\)', path.read_text(), re.MULTILINE)
    return dict(found)


class Checker:
    def __init__(self, it):
        self.it = it
        self.mistakes = []

    def wrong(self, at, text):
        self.mistakes.append(IdlError(at, text))

    def unique(self, things, what):
        seen = {}
        for thing in things:
            if thing.name in seen:
                self.wrong(thing.at, f"{what} '{thing.name}' is already defined at {seen[thing.name]}")
            seen.setdefault(thing.name, thing.at)

    def spelling(self, thing, pattern, what):
        if not pattern.match(thing.name):
            form = "lower_case" if pattern is LOWER else "UPPER_CASE"
            self.wrong(thing.at, f"{what} '{thing.name}' must be spelled in {form}")
        elif thing.name in C_WORDS:
            self.wrong(thing.at, f"'{thing.name}' is a word of C and cannot name {what}")

    def run(self):
        it = self.it
        self.spelling(it, LOWER, "the interface")
        if Path(it.file).stem != it.name:
            self.wrong(it.at, f"interface '{it.name}' must stand in a file named {it.name}.idl")
        if not 1 <= it.number <= 255:
            self.wrong(it.at, f"protocol number {it.number} is not in 1..255")
        self.unique(it.enums + it.structs, "the type")
        self.unique(it.calls, "the operation")
        self.constants()
        self.structs()
        if len(it.calls) > OPERATIONS_MAX:
            self.wrong(it.at, f"{len(it.calls)} operations: an interface has at most {OPERATIONS_MAX}")
        for index, call in enumerate(it.calls, 1):
            call.index = index
            self.call(call)
        return self.mistakes

    def constants(self):
        for const in self.it.consts + [v for e in self.it.enums for v in e.values]:
            self.spelling(const, UPPER, "the constant")
            if not -(2**63) <= const.value < 2**64:
                self.wrong(const.at, f"{const.name} does not fit into 64 bits")
        for enum in self.it.enums:
            self.spelling(enum, LOWER, "the enum")
            if not enum.values:
                self.wrong(enum.at, f"enum {enum.name} has no values")
            seen = {}
            for value in enum.values:
                if not 0 <= value.value < 2**31:
                    self.wrong(value.at, f"{value.name} does not fit: an enum value is 0..2^31-1")
                if value.value in seen:
                    self.wrong(value.at, f"{value.name} has the same number as {seen[value.value]}")
                seen.setdefault(value.value, value.name)

    # Structs ------------------------------------------------------------------------------------

    def structs(self):
        sizes = {name: (int(name[1:]) // 8,) * 2 for name in model.INTEGERS}
        sizes["char"] = (1, 1)
        for struct in self.it.structs:
            self.spelling(struct, LOWER, "the struct")
            self.unique(struct.fields, "the field")
            if not struct.fields:
                self.wrong(struct.at, f"struct {struct.name} has no fields")
            self.layout(struct, sizes)
            sizes[struct.name] = (struct.size, struct.align)

    def layout(self, struct, sizes):
        """Offsets are those of C. Holes are refused: they would carry stale bytes to the other side."""
        offset = 0
        for field in struct.fields:
            self.spelling(field, LOWER, "the field")
            if field.type not in sizes:
                self.wrong(field.at, f"unknown type '{field.type}'")
                continue
            if field.count is not None and not 1 <= field.count <= 1 << 20:
                self.wrong(field.at, f"array length {field.count} is not in 1..2^20")
                continue
            size, align = sizes[field.type]
            if offset % align:
                self.wrong(field.at, f"{field.name} would follow a hole of {align - offset % align}"
                           " bytes: fill it with a field of its own")  # fmt: skip
                offset += align - offset % align
            field.offset, field.size = offset, size * (field.count or 1)
            offset += field.size
            struct.align = max(struct.align, align)
        if offset % struct.align:
            self.wrong(struct.at, f"struct {struct.name} would end in a hole of "
                       f"{struct.align - offset % struct.align} bytes: fill it with a field")  # fmt: skip
        struct.size = offset

    # Operations ---------------------------------------------------------------------------------

    def call(self, call):
        self.spelling(call, LOWER, "the operation")
        self.unique(call.params + call.results, "the argument")
        for param in call.params + call.results:
            self.spelling(param, LOWER, "the argument")
            if param.name in OWN_NAMES:
                self.wrong(param.at, f"'{param.name}' is used by the generated code itself")
            self.range(param)
        self.words(call, call.params, "arguments")
        self.words(call, call.results, "results")
        for grant in [p for p in call.results if p.kind == "grant"]:
            self.wrong(grant.at, "a grant is an argument: write 'out bytes[…]' among the arguments")
        self.at_most_one(call.params, "grant")
        self.at_most_one(call.params, "handle")
        self.at_most_one(call.results, "handle")
        self.errors(call)

    def range(self, param):
        if param.kind == "int":
            _, low, high = model.INTEGERS[param.type]
            if not low <= param.low <= param.high <= high:
                self.wrong(param.at, f"the range {param.low}..{param.high} of {param.name} is empty or"
                           f" leaves {param.type}")  # fmt: skip
        if param.kind == "grant" and not 0 <= param.low <= param.high <= model.GRANT_MAX:
            self.wrong(param.at, f"the lengths {param.low}..{param.high} of {param.name} are empty or"
                       f" leave 0..{model.GRANT_MAX}")  # fmt: skip
        if param.kind == "grant" and param.high == 0:
            self.wrong(param.at, f"{param.name} can never carry a byte")

    def words(self, call, params, what):
        in_words = [p for p in params if p.kind in ("int", "bool", "enum")]
        for word, param in enumerate(in_words):
            param.word = word
        if len(in_words) > model.WORDS:
            self.wrong(call.at, f"{call.name} has {len(in_words)} words of {what}; a message carries"
                       f" {model.WORDS}: use a grant")  # fmt: skip

    def at_most_one(self, params, kind):
        for extra in [p for p in params if p.kind == kind][1:]:
            self.wrong(extra.at, f"a message carries one {kind}; {extra.name} is one too many")

    def errors(self, call):
        known, seen = status_names(), set()
        for name, at in call.errors:
            if name == "ERR_ERRNO":
                self.wrong(at, "write 'errno' instead of ERR_ERRNO")
            elif name not in known or name == "OK":
                self.wrong(at, f"unknown error '{name}': kernel/abi/status.def lists all")
            elif name in seen:
                self.wrong(at, f"{name} is listed twice")
            seen.add(name)
        call.errors = [name for name, _ in call.errors]


def check(interfaces):
    """All mistakes of all interfaces, [] when there is none. Fills in words, indices and offsets."""
    mistakes = []
    numbers = {}
    for it in interfaces:
        mistakes += Checker(it).run()
        if it.number in numbers:
            mistakes.append(IdlError(it.at, f"protocol number {it.number} already belongs to"
                                     f" {numbers[it.number]}"))  # fmt: skip
        numbers.setdefault(it.number, it.name)
    return mistakes
