"""Placeholders such as `{lr}` in the command of a user's own training program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.recipe.key_paths import SHORT_NAMES, key_path, value_at
from mutransfer_cli.recipe.schema.recipe import Recipe

# Filled in for every trial; {device} is that of --device, {python} the Python of mutransfer.
TRIAL_PLACEHOLDERS = ("plan", *SIZES, "seed", "out", "device", "python")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def split_command(command: str) -> list[str]:
    """Split a command into words as a shell would, without expanding anything.

    Raises:
        ValueError: A quote is not closed.
    """
    return shlex.split(command)


def placeholders_in(text: str) -> list[str]:
    """The placeholder names in a text, in their order; other braces are plain text."""
    return _PLACEHOLDER.findall(text)


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders in a text; braces inside the values stay as they are."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def as_argument(value: Any) -> str:
    """A value as a command-line argument, numbers with all digits."""
    return value if isinstance(value, str) else repr(value)


def hyperparameter_arguments(recipe: Recipe) -> dict[str, str]:
    """Every hyperparameter that a command may name, at the recipe's own value.

    Raises:
        InputError: `search.space` names something that is not a key.
    """
    paths = {name: key_path(name) for name in (*SHORT_NAMES, *recipe.search.space)}
    values = {name: value_at(recipe, path) for name, path in paths.items()}
    return {name: as_argument(value) for name, value in values.items() if value is not None}
