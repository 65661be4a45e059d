# SPDX-License-Identifier: MIT
"""python3 -m tools.manifest IMAGE.toml --build DIR --out IMAGE.cpio

Checks image.toml and packs bootstrap, rs.mod, the modules it names and manifest.bin into a boot archive.
--check only checks; --modules prints the modules an image needs; 
"""
import argparse
import sys
from pathlib import Path

from . import binary, cpio, image


def modules(found):
    return sorted({service.values["module"] for service in found.services})


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def pack(found, build, out):
    files = [("bootstrap", build / "bootstrap.bin"), ("rs.mod", build / "modules" / "rs.mod")]
    files += [(f"{module}.mod", build / "modules" / f"{module}.mod") for module in modules(found) if module != "rs"]
    missing = [str(path) for _, path in files if not path.is_file()]
    if missing:
        sys.exit(f"{found.place}: not built: {', '.join(missing)}")
    content = [(name, path.read_bytes()) for name, path in files]
    write(out, cpio.pack(content + [("manifest.bin", binary.encode(found))]))


def main():
    parser = argparse.ArgumentParser(prog="tools.manifest", description=__doc__.splitlines()[0])
    parser.add_argument("toml", type=Path)
    parser.add_argument("--build", type=Path, help="where bootstrap.bin and modules/ are")
    parser.add_argument("--out", type=Path, help="the archive to write")
    parser.add_argument("--check", action="store_true", help="only check")
    parser.add_argument("--modules", action="store_true", help="print the names of the modules and end")
    given = parser.parse_args()
    try:
        found = image.read(given.toml)
    except image.ImageError as wrong:
        sys.exit(str(wrong))
    if given.modules:
        print(" ".join(modules(found)))
    elif not given.check:
        if not given.build or not given.out:
            parser.error("--build and --out are needed")
        pack(found, given.build, given.out)


if __name__ == "__main__":
    main()
