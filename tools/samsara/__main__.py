# SPDX-License-Identifier: MIT
"""python -m tools.samsara WORD [--check-options] [OPTIONS]: the programs behind build.sh's words."""
import importlib
import signal
import sys

WORDS = ("demo", "storm", "entropy", "test", "run", "debug", "bench", "image", "attack")


def main():
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in WORDS:
        print(f"samsara: say one of {', '.join(WORDS)}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"tools.samsara.{arguments[0]}")
    check_only = "--check-options" in arguments
    options = module.options(prog=f"./build.sh {arguments[0]}").parse_args(
        [word for word in arguments[1:] if word != "--check-options"])
    if check_only:
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return module.main(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
