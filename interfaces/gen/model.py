# SPDX-License-Identifier: MIT
"""What a description says, as plain data. Places are kept so that every later check can name them."""

from dataclasses import dataclass, field

from .lexer import Place

# Integer types that travel in one word: name -> (C type, lowest, highest value).
INTEGERS = {
    "u8": ("uint8_t", 0, 2**8 - 1),
    "u16": ("uint16_t", 0, 2**16 - 1),
    "u32": ("uint32_t", 0, 2**32 - 1),
    "u64": ("uint64_t", 0, 2**64 - 1),
    "i32": ("int32_t", -(2**31), 2**31 - 1),
    "i64": ("int64_t", -(2**63), 2**63 - 1),
}
# Kernel object that a handle argument names -> its constant in kernel/abi/handle.h.
OBJECTS = {
    "task": "OBJ_TASK",
    "thread": "OBJ_THREAD",
    "port": "OBJ_PORT",
    "memory": "OBJ_MEMORY",
    "irq": "OBJ_IRQ",
    "iorange": "OBJ_IORANGE",
}
RIGHTS = ("copy", "transfer", "badge", "call", "recv", "notify", "read", "write", "exec", "pin",
          "manage", "control")  # fmt: skip
RECOVERY = ("idempotent", "transactional", "device")
DIRECTIONS = {"in": "GRANT_READ", "out": "GRANT_WRITE", "inout": "GRANT_READ | GRANT_WRITE"}
WORDS = 6
GRANT_MAX = 2**32 - 1


@dataclass
class Const:
    name: str
    value: int
    doc: list
    at: Place


@dataclass
class Enum:
    name: str
    values: list  # of Const
    doc: list
    at: Place


@dataclass
class Field:
    type: str
    name: str
    count: int | None  # array length
    doc: list
    at: Place
    offset: int = 0
    size: int = 0


@dataclass
class Struct:
    name: str
    fields: list
    doc: list
    at: Place
    size: int = 0
    align: int = 1


@dataclass
class Param:
    """One argument or result. kind: "int", "bool", "enum", "handle" or "grant"."""

    name: str
    kind: str
    type: str  # integer type, enum name, object type, or grant direction
    at: Place
    low: int | None = None  # range of an integer, or length of a grant
    high: int | None = None
    rights: tuple = ()  # of a handle, empty: all that the sender has
    word: int | None = None  # register word, given by check.py


@dataclass
class Call:
    name: str
    params: list
    results: list
    recovery: str
    errors: list  # names from status.def
    errno: bool
    doc: list
    at: Place
    index: int = 0  # operation number, from 1 in the order of the file

    def words(self):
        return [p for p in self.params if p.word is not None]

    def result_words(self):
        return [p for p in self.results if p.word is not None]

    def one(self, kind):
        return next((p for p in self.params if p.kind == kind), None)

    def result_handle(self):
        return next((p for p in self.results if p.kind == "handle"), None)


@dataclass
class Interface:
    name: str
    number: int
    file: str
    doc: list
    at: Place
    consts: list = field(default_factory=list)
    enums: list = field(default_factory=list)
    structs: list = field(default_factory=list)
    calls: list = field(default_factory=list)

    def label(self, call):
        return self.number << 8 | call.index

    def enum(self, name):
        return next(e for e in self.enums if e.name == name)
