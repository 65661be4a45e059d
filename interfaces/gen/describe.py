# SPDX-License-Identifier: MIT
"""NAME.json: the whole description for programs (fuzzers, host tools). "version" counts format changes."""

import json

from .model import DIRECTIONS  # noqa: F401  (the values of "direction")


def value(p):
    out = {"name": p.name, "kind": p.kind}
    if p.kind == "grant":
        out |= {"direction": p.type, "min": p.low, "max": p.high}
    elif p.kind == "handle":
        out |= {"object": p.type, "rights": list(p.rights)}
    else:
        out |= {"type": p.type, "word": p.word}
        if p.kind != "enum":
            out |= {"min": p.low, "max": p.high}
    return out


def call(it, c):
    return {
        "name": c.name,
        "label": it.label(c),
        "recovery": c.recovery,
        "errors": c.errors,
        "errno": c.errno,
        "arguments": [value(p) for p in c.params],
        "results": [value(p) for p in c.results],
        "doc": "\n".join(c.doc),
    }


def struct(s):
    fields = [{"name": f.name, "type": f.type, "count": f.count, "offset": f.offset, "size": f.size}
              for f in s.fields]  # fmt: skip
    return {"size": s.size, "fields": fields}


def write(it):
    return json.dumps({
        "version": 1,
        "name": it.name,
        "number": it.number,
        "doc": "\n".join(it.doc),
        "constants": {c.name: c.value for c in it.consts},
        "enums": {e.name: {v.name: v.value for v in e.values} for e in it.enums},
        "structs": {s.name: struct(s) for s in it.structs},
        "operations": [call(it, c) for c in it.calls],
    }, indent=1) + "\n"  # fmt: skip
