# SPDX-License-Identifier: MIT
"""Command line: python3 -m interfaces.gen --out DIR [--pages DIR] FILE.idl…

Writes DIR/NAME.{types.h,client.h,server.h,server.c,trace.c,json} for each file and DIR/all.trace.c.
Files whose content does not change keep their time, so that nothing is compiled without need.
"""

import argparse
import sys
from pathlib import Path

from . import c_client, c_server, c_trace, c_types, describe, page
from .check import check
from .lexer import IdlError
from .parser import parse

WRITERS = {
    "types.h": c_types.write,
    "client.h": c_client.write,
    "server.h": c_server.write_header,
    "server.c": c_server.write_source,
    "trace.c": c_trace.write,
    "json": describe.write,
}


def read(paths):
    """(interfaces, mistakes): parses all files, then checks them together."""
    interfaces, mistakes = [], []
    for path in paths:
        try:
            interfaces.append(parse(Path(path).read_text(encoding="utf-8"), str(path)))
        except IdlError as error:
            mistakes.append(error)
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(IdlError(f"{path}:1:1", f"cannot be read: {error}"))
    interfaces.sort(key=lambda it: it.number)
    return interfaces, mistakes + check(interfaces)


def update(path, text):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="interfaces.gen", description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, type=Path, help="directory for the C files")
    parser.add_argument("--pages", type=Path, help="directory for the reference pages")
    parser.add_argument("files", nargs="+", metavar="FILE.idl")
    options = parser.parse_args(arguments)

    interfaces, mistakes = read(options.files)
    if mistakes:
        for mistake in mistakes:
            print(mistake, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    for it in interfaces:
        for suffix, write in WRITERS.items():
            update(options.out / f"{it.name}.{suffix}", write(it))
    update(options.out / "all.trace.c", c_trace.write_all(interfaces))
    if options.pages:
        options.pages.mkdir(parents=True, exist_ok=True)
        for it in interfaces:
            update(options.pages / f"{it.name}.md", page.write(it))
    return 0


if __name__ == "__main__":
    sys.exit(main())
