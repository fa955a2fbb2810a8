"""Placeholders such as `{lr}` in the command of a user's own training program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.recipe.key_paths import SHORT_NAMES, key_path, value_at
from mutransfer_cli.recipe.schema.recipe import Recipe

# What every trial fills in; {device} is that of --device, {python} the one that runs mutransfer.
TRIAL_PLACEHOLDERS = ("plan", *SIZES, "seed", "out", "device", "python")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def split_command(command: str) -> list[str]:
    """The words of a command, as a shell would split them; nothing is expanded.

    Raises:
        ValueError: A quote is not closed.
    """
    return shlex.split(command)


def placeholders_in(text: str) -> list[str]:
    """The names in braces, in their order; other braces are text."""
    return _PLACEHOLDER.findall(text)


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced; braces inside a value stay as they are."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def as_argument(value: Any) -> str:
    """A value as a command's argument; a number to its last digit."""
    return value if isinstance(value, str) else repr(value)


def hyperparameter_arguments(recipe: Recipe) -> dict[str, str]:
    """Every hyperparameter that a command may name, at the recipe's own value.

    Raises:
        InputError: `search.space` names something that is not a key.
    """
    paths = {name: key_path(name) for name in (*SHORT_NAMES, *recipe.search.space)}
    values = {name: value_at(recipe, path) for name, path in paths.items()}
    return {name: as_argument(value) for name, value in values.items() if value is not None}
