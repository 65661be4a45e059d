# SPDX-License-Identifier: MIT
"""NAME.server.h and NAME.server.c: table of handlers, dispatcher, replies to parked requests."""

import textwrap

from . import model
from .c_client import to_word
from .c_types import banner, c_type, comment, label, number, rights, wrap


def arguments(it, call):
    out = []
    for p in call.params:
        out.append(f"size_t {p.name}_len" if p.kind == "grant" else f"{c_type(it, p)} {p.name}")
    return out


def handler(it, call):
    parts = ["struct request *rq"] + arguments(it, call)
    parts += [f"{c_type(it, p)} *{p.name}" for p in call.results]
    parts += ["int *err"] if call.errno else []
    indent = "        "
    return wrap(f"    enum status (*{call.name})(", parts, ");", indent) + "\n"


def reply_head(it, call, tail):
    parts = ["struct parked *parked", "enum status status"]
    parts += [f"{c_type(it, p)} {p.name}" for p in call.results]
    parts += ["int err"] if call.errno else []
    return wrap(f"void {it.name}_{call.name}_reply(", parts, tail, "    ") + "\n"


RULES = """A handler is called when the message fits the interface, and never otherwise: the operation exists, numbers are
in range, unused words are 0, grant and handle are there, of the right direction, length, type and rights.
It answers by returning a status, with its results set if that is OK (all are 0 before), or parks the request with
rt_park() and returns STATUS_PENDING; then NAME_OP_reply() answers later. Length arguments are the length of the caller's grant, read and written
with rt_grant_read() and rt_grant_write(). A handle that came with the request belongs to the handler if it
returns OK or STATUS_PENDING; with any other status the dispatcher closes it. A handle given as a result is
copied to the caller: the server keeps its own, see rt_close_after()."""


def fill(text, indent="// ", width=98):
    text = " ".join(text.split())
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent) + "\n"


def write_header(it):
    out = banner(it, f"Server side of the {it.name} interface.")
    out += f'#pragma once\n#include "lib/rt/rt.h"\n#include "interfaces/{it.name}.types.h"\n'
    out += "#include <stddef.h>\n\n" + fill(RULES)
    out += f"struct {it.name}_ops {{\n"
    for call in it.calls:
        out += comment(call.doc, "    ") + handler(it, call)
    out += "};\n\n"
    out += fill("Checks the request, runs its handler in the table `ops` (struct " + it.name + "_ops) and leaves"
                " the results in rq->m. An operation without handler is answered with ERR_UNSUPPORTED.")  # fmt: skip
    out += f"enum status {it.name}_dispatch(const void *ops, struct request *rq);\n\n"
    out += "// Answers to requests that were parked. Results count if the status is OK"
    out += ", err if it is ERR_ERRNO.\n"
    out += "".join(reply_head(it, call, ");") for call in it.calls)
    return out


# The dispatcher -----------------------------------------------------------------------------------


def word_check(it, p):
    """The C condition under which the word does not fit, "" when every value fits."""
    w = f"w[{p.word}]"
    if p.kind == "bool":
        return f"{w} > 1"
    if p.kind == "enum":
        return f"!{it.name}_{p.type}_valid({w})"
    _, low, high = model.INTEGERS[p.type]
    signed = low < 0
    value = f"(int64_t){w}" if signed else w
    parts = []
    if p.low > (-(2**63) if signed else 0):
        parts.append(f"{value} < {number(p.low)}")
    if p.high < (2**63 - 1 if signed else 2**64 - 1):
        parts.append(f"{value} > {number(p.high)}")
    return " || ".join(parts)


def enum_checks(it):
    out = ""
    used = {p.type for c in it.calls for p in c.params if p.kind == "enum"}
    for e in [e for e in it.enums if e.name in used]:
        out += f"static bool {it.name}_{e.name}_valid(uint64_t word)\n{{\n    switch (word) {{\n"
        out += "".join(f"    case {it.name.upper()}_{v.name}:\n" for v in e.values)
        out += "        return true;\n    default:\n        return false;\n    }\n}\n\n"
    return out


def grant_check(call):
    g = call.one("grant")
    if not g:
        return ["rq->m.grant != 0"]
    checks = []
    direction = model.DIRECTIONS[g.type]
    wrong = f"(rq->m.grant & ~GRANT_LEN_MASK) != ({direction})"
    if g.low == 0:
        wrong = f"(rq->m.grant != 0 && {wrong})"
    checks.append(wrong)
    if g.low > 0:
        checks.append(f"{g.name}_len < {number(g.low)}")
    if g.high < model.GRANT_MAX:
        checks.append(f"{g.name}_len > {number(g.high)}")
    return checks


def checks(it, call):
    out = [c for p in call.words() if (c := word_check(it, p))]
    unused = [f"w[{i}]" for i in range(len(call.words()), model.WORDS)]
    if unused:
        out.append(f"({' | '.join(unused)}) != 0" if len(unused) > 1 else f"{unused[0]} != 0")
    out += grant_check(call)
    out.append(f"rq->m.handle {'==' if call.one('handle') else '!='} HANDLE_NONE")
    return out


def condition(parts):
    return "    if (" + " ||\n        ".join(parts) + ") {\n"


def argument_value(it, p):
    if p.kind == "grant":
        return f"{p.name}_len"
    if p.kind == "handle":
        return "handle"
    w = f"w[{p.word}]"
    if p.kind == "bool":
        return f"{w} != 0"
    return w if p.type == "u64" else f"({c_type(it, p)}){w}"


def handle_rights(handle):
    return rights(handle) if handle.rights else "0"


def results(it, call):
    """From the handler's results to the words of the reply."""
    words = [f"{to_word(p)}" for p in call.result_words()]
    out = "    if (status == OK) {\n"
    out += f"        answer_words(rq, (uint64_t[IPC_WORDS]){{{', '.join(words) or '0'}}});\n"
    handle = call.result_handle()
    if handle:
        out += f"        rt_reply_handle(rq, {handle.name}, {rights(handle)});\n"
    out += "        return OK;\n    }\n"
    if call.one("handle"):
        out += "    give_back(rq, status, handle);\n"
    if call.errno:
        out += "    return answer_errno(rq, status, err);\n"
    else:
        out += "    return answer_error(rq, status);\n"
    return out


def operation(it, call):
    name = f"{it.name}_{call.name}"
    out = f"static enum status do_{call.name}(const struct {it.name}_ops *ops, struct request *rq)\n{{\n"
    out += "    const uint64_t *w = rq->m.w;\n"
    grant, handle = call.one("grant"), call.one("handle")
    if grant:
        out += f"    size_t {grant.name}_len = rq->m.grant & GRANT_LEN_MASK;\n"
    out += condition(checks(it, call)) + "        return refuse(rq, ERR_PROTOCOL);\n    }\n"
    if handle:
        parts = ["rq", model.OBJECTS[handle.type], handle_rights(handle)]
        out += wrap("    enum status fits = check_handle(", parts, ");", "        ") + "\n"
        out += "    if (fits != OK) {\n        return refuse(rq, fits);\n    }\n"
    if call.recovery != "idempotent":
        undone = " && !rt_undone()" if call.recovery == "transactional" else ""
        out += f"    if ((rq->m.tag & TAG_DELIVERY_MASK) != 0{undone}) {{\n"
        out += "        return refuse(rq, ERR_RESTARTED);\n    }\n"
    out += f"    if (!ops->{call.name}) {{\n        return refuse(rq, ERR_UNSUPPORTED);\n    }}\n"
    for p in call.results:
        zero = f"({c_type(it, p)})0" if p.kind == "enum" else "0"
        out += f"    {c_type(it, p)} {p.name} = {zero};\n"
    out += "    int err = 0;\n" if call.errno else ""
    out += "    handle_t handle = take_over(rq);\n" if handle else ""
    values = ["rq"] + [argument_value(it, p) for p in call.params]
    values += [f"&{p.name}" for p in call.results] + (["&err"] if call.errno else [])
    out += wrap(f"    enum status status = ops->{call.name}(", values, ");", "        ") + "\n"
    return out + results(it, call) + "}\n\n"


def dispatch(it):
    out = f"enum status {it.name}_dispatch(const void *ops, struct request *rq)\n{{\n"
    out += "    switch (rq->m.tag & TAG_LABEL_MASK) {\n"
    for call in it.calls:
        out += f"    case {label(it, call)}:\n        return do_{call.name}(ops, rq);\n"
    out += "    default:\n        return refuse(rq, ERR_PROTOCOL);\n    }\n}\n\n"
    return out


def reply(it, call):
    out = reply_head(it, call, ")") + "{\n"
    handle = call.result_handle()
    values = [to_word(p) for p in call.result_words()]
    out += "    uint64_t words[IPC_WORDS] = {0};\n"
    if values or handle:
        out += "    if (status == OK) {\n"
        out += "".join(f"        words[{i}] = {v};\n" for i, v in enumerate(values))
        if handle:
            out += wrap("        rt_answer_handle(", ["parked", "status", "words", handle.name, rights(handle)],
                        ");", "            ") + "\n        return;\n"  # fmt: skip
        out += "    }\n"
    if call.errno:
        out += "    if (status == ERR_ERRNO) {\n        words[0] = errno_word(err);\n    }\n"
    return out + "    rt_answer(parked, status, words);\n}\n\n"


def write_source(it):
    out = banner(it, f"Dispatcher of the {it.name} interface.")
    out += f'#include "interfaces/{it.name}.server.h"\n#include "interfaces/dispatch.h"\n\n'
    out += enum_checks(it)
    out += "".join(operation(it, call) for call in it.calls)
    out += dispatch(it)
    return (out + "".join(reply(it, call) for call in it.calls)).rstrip("\n") + "\n"
