"""The command of a user's own training program: its words, its placeholders, what is wrong."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from mutransfer_cli.catalog.axes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault, suggestion
from mutransfer_cli.recipe.key_paths import SHORT_NAMES, key_path
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.validation.search_space import value_at

# What every trial fills in; {device} is that of --device, {python} the one that runs mutransfer.
TRIAL_PLACEHOLDERS = ("plan", *SIZES, "seed", "out", "device", "python")
PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def split_command(command: str) -> list[str]:
    """The words of a command, as a shell would split them; nothing is expanded.

    Raises ValueError for a quote that is not closed.
    """
    return shlex.split(command)


def placeholders_in(text: str) -> list[str]:
    """The names in braces, in their order; other braces are text."""
    return PLACEHOLDER.findall(text)


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders replaced; a value is never looked at again."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


def as_argument(value: Any) -> str:
    """A value as a command's argument; a number to its last digit."""
    return value if isinstance(value, str) else repr(value)


def hyperparameter_arguments(recipe: Recipe) -> dict[str, str]:
    """Every hyperparameter that a command may name, at the recipe's own value."""
    names = {name: key_path(name) for name in (*SHORT_NAMES, *recipe.search.space)}
    values = {name: value_at(recipe, path) for name, path in names.items()}
    return {name: as_argument(value) for name, value in values.items() if value is not None}


def train_faults(recipe: Recipe) -> Iterator[Fault]:
    """What is wrong with `train`; whether the program exists is asked when it is started."""
    train = recipe.train
    if train is None:
        return
    here = ("train", "command")
    try:
        if not split_command(train.command):
            yield Fault(here, "expected a program and its arguments, found nothing")
            return
    except ValueError as error:
        yield Fault(here, f"cannot be split into words: {error}")
        return
    yield from _unknown(recipe, here, train.command)
    file = train.loss.file
    if file is not None:
        place = ("train", "loss", "file")
        yield from _unknown(recipe, place, file)
        if PurePath(file).is_absolute() and not placeholders_in(file):
            yield Fault(
                place, "every trial would share it: expected a file such as {out}/loss.json"
            )
    if recipe.search.objective != "val_loss":
        yield Fault(
            ("search", "objective"),
            "with a program of your own the objective is what train.loss reads; leave it val_loss",
        )
    if recipe.search.prune != "none":
        yield Fault(("search", "prune"), "a program of your own runs to its end; leave it none")


def _unknown(recipe: Recipe, path: tuple[str, ...], text: str) -> Iterator[Fault]:
    """Placeholders that no trial could fill in."""
    try:
        known = [*TRIAL_PLACEHOLDERS, *hyperparameter_arguments(recipe), *recipe.search.space]
    except InputError:
        return  # an unknown name in search.space, which has its own message
    for name in placeholders_in(text):
        if name in known:
            continue
        if name in SHORT_NAMES:
            yield Fault(path, f"{{{name}}}: {SHORT_NAMES[name]} is null; give it a value")
            continue
        searched = ", ".join(recipe.search.space)
        yield Fault(
            path,
            f"{{{name}}}: no such placeholder{suggestion(name, known)} (known: "
            f"{', '.join(TRIAL_PLACEHOLDERS)}; searched: {searched}; and {', '.join(SHORT_NAMES)})",
        )
