# SPDX-License-Identifier: MIT
"""Argument parsing with one clear line for a mistake, and the options that several words share."""
import argparse
import json
import os
import re
import sys
from pathlib import Path

from tools.manifest import image as manifest

from . import ROOT


class Parser(argparse.ArgumentParser):
    """A mistake costs one line and exit code 2; nothing is guessed from half a word. `check`, a function, says what is wrong
    with options as a whole."""

    def __init__(self, check=lambda given: None, **others):
        super().__init__(allow_abbrev=False, **others)
        self.check = check

    def parse_args(self, *arguments):
        given = super().parse_args(*arguments)
        wrong = self.check(given)
        if wrong:
            self.error(wrong)
        return given

    def error(self, message):
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def whole(low, high):
    """Type of an option that is a whole number from low to high."""

    def parse(text):
        try:
            value = int(text, 0)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not within {low}..{high}")
        return value

    return parse


def seed(text):
    """A seed of 1 to 16 hexadecimal digits."""
    try:
        value = int(text, 16)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no hexadecimal number")
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError("a seed has at most 16 hexadecimal digits")
    return value


def hexadecimal(text):
    """Some hexadecimal digits, as they are."""
    if not re.fullmatch("[0-9a-fA-F]{1,16}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not 1 to 16 hexadecimal digits")
    return text


def one_of(what, text, known):
    if text not in known:
        raise argparse.ArgumentTypeError(f"there is no {what} '{text}'; known: {', '.join(sorted(known))}")
    return text


def image(text):
    """The name of one of images/."""
    return one_of("image", text, {path.parent.name for path in (ROOT / "images").glob("*/image.toml")})


def services_of(name):
    """Type of an option that names services of an image, with commas between them."""

    def parse(text):
        known = {"rs"} | {service.name for service in manifest.read(ROOT / "images" / name / "image.toml").services}
        return [one_of("service", word, known) for word in text.split(",")]

    return parse


def module(text):
    """The name of a module that some image has."""
    images = map(manifest.read, (ROOT / "images").glob("*/image.toml"))
    return one_of("module", text, {service.values["module"] for found in images for service in found.services})


def output(text):
    """A file that can be written when the work is done: said before it begins, not after. '-' is standard output."""
    path = Path(text)
    if text != "-" and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise argparse.ArgumentTypeError(f"'{text}' cannot be written: its directory is not there or not writable")
    return path


def folder(text):
    """A directory that is there and can be written into."""
    path = Path(text)
    if not path.is_dir() or not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(f"'{text}' is no directory that can be written into")
    return path


def write_json(path, result):
    """To the file of an option of type output."""
    text = json.dumps(result, indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        path.write_text(text)


def machine_options(parser, cpus=1):
    """Options about the virtual machine."""
    parser.add_argument("--cpus", type=whole(1, 8), default=cpus, help=f"virtual processors (default {cpus})")
    parser.add_argument("--memory", type=whole(256, 16384), default=512, metavar="MIB", help="default 512")
    parser.add_argument("--seed", type=seed, metavar="HEX",
                        help="fixes every random choice of this boot (layouts, addresses) so that it can be repeated")
    parser.add_argument("--accel", choices=("auto", "kvm", "tcg"), default="auto",
                        help="auto (default) takes KVM where a guest really runs under it")
