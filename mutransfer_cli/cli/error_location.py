"""Finds where the key that an error names was set: in the recipe or on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.key_paths import resolve
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema_types import KeyPath, section_keys
from mutransfer_cli.recipe.yaml_source import parse


def located(error: InputError, arguments: Sequence[str]) -> InputError:
    """Add to an error the position of its key: `--set key=value`, or file, line and column.

    Errors that have a position, or that name no key of a recipe, are returned unchanged.

    Args:
        error: An error that was raised after the recipe had been read.
        arguments: The command-line arguments; the first YAML file among them is the recipe.
    """
    writes_recipe = list(arguments[:1]) == ["init"]  # a file of its name is an older one
    if error.position or not error.path or error.path[0] not in section_keys(Recipe):
        return error
    if writes_recipe:
        return error
    position = _position(error.path, arguments)
    return InputError(error.message, error.path, position) if position else error


def _position(path: KeyPath, arguments: Sequence[str]) -> str | None:
    for option, value in reversed(list(pairwise(arguments))):  # the last one counts
        name, equals, _ = value.partition("=")
        if option == "--set" and equals and _stands_for(name.strip(), path):
            return f"--set {value}"
    for argument in arguments:
        if argument.endswith((".yaml", ".yml")) and Path(argument).is_file():
            try:
                source = parse(Path(argument).read_text(encoding="utf-8-sig"), argument)
            except (InputError, OSError, UnicodeDecodeError):
                return None
            return source.position(Fault(path, "")).text
    return None


def _stands_for(name: str, path: KeyPath) -> bool:
    """Whether this short name or dotted path names the key, or what contains it."""
    try:
        key = resolve(name)
        return path[: len(key)] == key
    except InputError:
        return False
