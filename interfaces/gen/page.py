# SPDX-License-Identifier: MIT
"""docs/interfaces/NAME.md: the reference page."""

from . import model
from .check import status_names

RECOVERY = {
    "idempotent": "**idempotent**: if the service dies meanwhile, the next incarnation runs it again and the"
                  " caller notices nothing.",
    "transactional": "**transactional**: if the service dies while it works on this, what it did is undone and the next"
                     " incarnation runs it again; only if its state is lost, too, the caller gets `ERR_RESTARTED` and"
                     " must open again and repeat.",
    "device": "**device**: it has an effect outside the machine that must not happen twice; if the service dies"
              " while it works on this, the caller gets `ERR_RESTARTED` and decides.",
}  # fmt: skip


def kind(p):
    if p.kind == "grant":
        lengths = f"{p.low}" if p.low == p.high else f"{p.low}..{p.high}"
        return {"in": "bytes to the service", "out": "bytes from the service",
                "inout": "bytes both ways"}[p.type] + f", length {lengths}"  # fmt: skip
    if p.kind == "handle":
        return f"handle of a {p.type}" + (f" with {', '.join(p.rights)}" if p.rights else "")
    if p.kind == "enum":
        return f"`{p.type}`"
    if p.kind == "int" and (p.low, p.high) != model.INTEGERS[p.type][1:]:
        return f"{p.type} in {p.low}..{p.high}"
    return p.type


def table(head, rows):
    if not rows:
        return ""
    out = "| " + " | ".join(head) + " |\n|" + " --- |" * len(head) + "\n"
    return out + "".join("| " + " | ".join(row) + " |\n" for row in rows) + "\n"


def prose(lines):
    return "\n".join(lines) + "\n\n" if lines else ""


def short(doc):
    return " ".join(doc)


def operation(it, c, sentences):
    out = f"### {c.name}\n\n" + prose(c.doc) + f"Label `{it.label(c):#06x}`. {RECOVERY[c.recovery]}\n\n"
    rows = [(f"`{p.name}`", "argument", kind(p)) for p in c.params]
    rows += [(f"`{p.name}`", "result", kind(p)) for p in c.results]
    out += table(("name", "", "type"), rows)
    errors = [f"- `{e}`: {sentences[e]}" for e in c.errors]
    if c.errno:
        errors.append("- `ERR_ERRNO`: the operation failed with an errno value of Linux, in `err`")
    if errors:
        out += "Errors, beside those of every call:\n\n" + "\n".join(errors) + "\n\n"
    return out


def struct(it, s):
    rows = []
    for f in s.fields:
        array = f"[{f.count}]" if f.count is not None else ""
        rows.append((str(f.offset), f"`{f.name}`", f"{f.type}{array}", short(f.doc)))
    name = f"### struct {it.name}_{s.name}\n\n"
    return name + prose(s.doc) + f"{s.size} bytes.\n\n" + table(("offset", "field", "type", ""), rows)


def write(it):
    sentences = status_names()
    out = f"# Interface {it.name}\n\n"
    out += f"<!-- Made from interfaces/{it.name}.idl by interfaces/gen: change that file, not this one. -->\n\n"
    out += prose(it.doc) + f"Protocol number {it.number}.\n\n"
    out += table(("operation", "", "recovery"),
                 [(f"[{c.name}](#{c.name})", c.doc[0] if c.doc else "", c.recovery) for c in it.calls])  # fmt: skip
    out += ("Every call can also end with `ERR_PROTOCOL` (the message does not fit this page), "
            "`ERR_RESTARTED`, `ERR_POISON` or `ERR_DEAD`.\n\n")  # fmt: skip
    if it.calls:
        out += "## Operations\n\n" + "".join(operation(it, c, sentences) for c in it.calls)
    if it.consts or it.enums or it.structs:
        out += "## Constants and types\n\n"
    upper = it.name.upper()
    out += table(("constant", "value", ""),
                 [(f"`{upper}_{c.name}`", str(c.value), short(c.doc)) for c in it.consts])  # fmt: skip
    for e in it.enums:
        rows = [(f"`{upper}_{v.name}`", str(v.value), short(v.doc)) for v in e.values]
        out += f"### enum {it.name}_{e.name}\n\n" + prose(e.doc) + table(("name", "value", ""), rows)
    out += "".join(struct(it, s) for s in it.structs)
    return out.rstrip("\n") + "\n"
