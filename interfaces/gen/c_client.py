# SPDX-License-Identifier: MIT
"""NAME.client.h: one inline function an operation, around ipc_call_status of the runtime."""

from . import model
from .c_types import banner, c_type, comment, label, number, rights, wrap


def params(it, call):
    out = ["handle_t service_port"]
    for p in call.params:
        if p.kind == "grant":
            const = "const " if p.type == "in" else ""
            out += [f"{const}void *{p.name}", f"size_t {p.name}_len"]
        else:
            out.append(f"{c_type(it, p)} {p.name}")
    out += [f"{c_type(it, p)} *{p.name}" for p in call.results]
    return out + (["int *err"] if call.errno else [])


def to_word(p):
    """Signed numbers are sign-extended into the word; all others are zero-extended."""
    return f"(uint64_t)(int64_t){p.name}" if p.type in ("i32", "i64") else p.name


def message(call, it):
    words = ", ".join(to_word(p) for p in call.words())
    parts = [f".tag = {label(it, call)}"]
    handle = call.one("handle")
    if handle:
        parts[0] += " | TAG_HANDLE"
    if words:
        parts.append(f".w = {{{words}}}")
    if handle:
        parts += [f".handle = {handle.name}", f".handle_rights = {rights(handle)}"]
    return wrap("    struct ipc_message m = {", parts, "};", "        ") + "\n"


def grant_arguments(call):
    g = call.one("grant")
    if not g:
        return "nullptr, 0"
    return f"{g.name}, {g.name}_len | {model.DIRECTIONS[g.type]}"


def from_word(it, p):
    word = f"m.w[{p.word}]"
    if p.kind == "bool":
        return f"{word} != 0"
    return word if p.type in ("u64",) else f"({c_type(it, p)}){word}"


def result(it, p):
    if p.kind == "handle":
        return f"    *{p.name} = status == OK && (m.tag & TAG_HANDLE) ? m.handle : HANDLE_NONE;\n"
    zero = {"bool": "false", "enum": f"({c_type(it, p)})0"}.get(p.kind, "0")
    return f"    *{p.name} = status == OK ? {from_word(it, p)} : {zero};\n"


def stub(it, call):
    head = f"MUST_USE static inline enum status {it.name}_{call.name}("
    out = comment(call.doc) + wrap(head, params(it, call), ")", "    ") + "\n{\n"
    grant = call.one("grant")
    if grant:
        # A longer length would spill into the direction bits.
        out += f"    if ({grant.name}_len > {number(grant.high)})\n        return ERR_RANGE;\n"
    out += message(call, it)
    out += f"    enum status status = ipc_call_status(service_port, &m, {grant_arguments(call)});\n"
    out += "".join(result(it, p) for p in call.results)
    if call.errno:
        out += "    *err = status == ERR_ERRNO ? (int)m.w[0] : 0;\n"
    return out + "    return status;\n}\n\n"


def write(it):
    out = banner(it, f"Client stubs of the {it.name} interface.")
    out += '#pragma once\n#include "lib/rt/ipc.h"\n'
    out += f'#include "interfaces/{it.name}.types.h"\n#include <stddef.h>\n\n'
    out += "// Results are 0 unless the status is OK; err is 0 unless it is ERR_ERRNO.\n\n"
    return (out + "".join(stub(it, call) for call in it.calls)).rstrip("\n") + "\n"
