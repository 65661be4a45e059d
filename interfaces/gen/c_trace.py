# SPDX-License-Identifier: MIT
"""NAME.trace.c: tables with which interfaces/trace.c turns a message into a line of text."""

from .c_types import banner
from .model import DIRECTIONS


def value(it, p):
    kinds = {"bool": "TRACE_BOOL", "enum": "TRACE_ENUM", "handle": "TRACE_HANDLE", "grant": "TRACE_GRANT"}
    kind = kinds.get(p.kind) or ("TRACE_SIGNED" if p.type[0] == "i" else "TRACE_UNSIGNED")
    extra = ""
    if p.kind == "enum":
        extra = f", .names = {it.name}_{p.type}_names"
    if p.kind == "grant":
        extra = f', .type = "{p.type}"'
    if p.kind == "handle":
        extra = f', .type = "{p.type}"'
    return f'    {{.name = "{p.name}", .kind = {kind}{extra}}},\n'


def enum_names(it, e):
    out = f"static const struct trace_name {it.name}_{e.name}_names[] = {{\n"
    out += "".join(f'    {{{v.value}, "{v.name}"}},\n' for v in e.values)
    return out + "    {0, nullptr},\n};\n\n"


def values(it, call, what, params):
    if not params:
        return ""
    out = f"static const struct trace_value {call.name}_{what}[] = {{\n"
    return out + "".join(value(it, p) for p in params) + "};\n\n"


def part(call, what, params):
    return f", .{what} = {call.name}_{what}, .{what[:-1]}_count = {len(params)}" if params else ""


def write(it):
    assert DIRECTIONS.keys() == {"in", "out", "inout"}
    out = banner(it, f"Trace tables of the {it.name} interface.")
    out += '#include "interfaces/trace.h"\n\n'
    used = {p.type for c in it.calls for p in c.params + c.results if p.kind == "enum"}
    out += "".join(enum_names(it, e) for e in it.enums if e.name in used)
    for call in it.calls:
        out += values(it, call, "params", call.params) + values(it, call, "results", call.results)
    out += f"static const struct trace_call {it.name}_calls[] = {{\n"
    for call in it.calls:
        out += f'    {{.name = "{call.name}"' + part(call, "params", call.params)
        out += part(call, "results", call.results) + "},\n"
    out += "};\n\n"
    calls = f"{it.name}_calls" if it.calls else "nullptr"
    out += f"const struct trace_interface {it.name}_trace = {{\n"
    out += f'    .name = "{it.name}", .number = {it.number}, .calls = {calls}, .count = {len(it.calls)},\n}};\n'
    return out


def write_all(interfaces):
    """interfaces/all.trace.c: every interface that this system has."""
    out = "// SPDX-License-Identifier: MIT\n// All trace tables. Made by interfaces/gen.\n"
    out += '#include "interfaces/trace.h"\n\n'
    out += "".join(f"extern const struct trace_interface {it.name}_trace;\n" for it in interfaces)
    out += "\nconst struct trace_interface *const trace_interfaces[] = {\n"
    out += "".join(f"    &{it.name}_trace,\n" for it in interfaces)
    return out + "    nullptr,\n};\n"
