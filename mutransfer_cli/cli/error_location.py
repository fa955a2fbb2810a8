"""Where in the recipe a key stands that an error names after the recipe itself was read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.key_paths import resolve
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import names
from mutransfer_cli.recipe.yaml_source import parse

KEY = re.compile(r"(\w+(?:\.[\w*]+)*): ")


def placed(message: str, arguments: Sequence[str]) -> str:
    """The message with `--set key=value` or file, line and column before the key it begins with.

    arguments: the command line's; the first that is a YAML file is the recipe.
    """
    found = KEY.match(message)
    path = tuple(found[1].split(".")) if found else ()
    if not path or path[0] not in names(Recipe):
        return message
    for option, value in pairwise(arguments):
        name, equals, _ = value.partition("=")
        if option == "--set" and equals and _same(name.strip(), path):
            return f"--set {value}: {message}"
    for argument in arguments:
        if argument.endswith((".yaml", ".yml")) and Path(argument).is_file():
            try:
                source = parse(Path(argument).read_text(encoding="utf-8-sig"), argument)
            except (InputError, OSError, UnicodeDecodeError):
                return message
            return f"{source.place(Fault(path, '')).text}: {message}"
    return message


def _same(name: str, path: tuple[str, ...]) -> bool:
    try:
        return tuple(resolve(name)) == path
    except InputError:
        return False
