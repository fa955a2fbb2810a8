"""What is wrong with section `train`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from mutransfer_cli.catalog.pruners import PRUNERS
from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.key_paths import SHORT_NAMES
from mutransfer_cli.recipe.placeholders import (
    TRIAL_PLACEHOLDERS,
    hyperparameter_arguments,
    placeholders_in,
    split_command,
)
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.train import Train
from mutransfer_cli.recipe.schema_types import KeyPath

BUILT_IN_KEYS = {"precision", "accumulate"}  # that a program of the user's own would not see


def train_faults(recipe: Recipe) -> Iterator[Fault]:
    """What is wrong with `train`; that the program exists is checked when it is started."""
    train = recipe.train
    if train is None:
        return
    if train.command is None:
        yield from _built_in_faults(recipe, train)
        return
    if train.loss is None:
        yield Fault(("train", "loss"), "missing")
        return
    for key in BUILT_IN_KEYS & train.model_fields_set:
        if getattr(train, key) != Train.model_fields[key].default:
            yield Fault(("train", key), "the program of train.command decides it; leave it out")
    command_key = ("train", "command")
    try:
        if not split_command(train.command):
            yield Fault(command_key, "expected a program and its arguments, found nothing")
            return
    except ValueError as error:
        yield Fault(command_key, f"cannot be split into words: {error}")
        return
    yield from _unknown_placeholders(recipe, command_key, train.command)
    file = train.loss.file
    if file is not None:
        file_key = ("train", "loss", "file")
        yield from _unknown_placeholders(recipe, file_key, file)
        if PurePath(file).is_absolute() and not placeholders_in(file):
            yield Fault(
                file_key,
                "every trial would write to it: expected a file such as {out}/loss.json",
            )
    if recipe.search.objective != "val_loss":
        yield Fault(
            ("search", "objective"),
            "with a program of your own the objective is what train.loss reads; leave it val_loss",
        )
    if PRUNERS[recipe.search.prune].prunes:
        yield Fault(("search", "prune"), "a program of your own runs to its end; leave it none")


def _built_in_faults(recipe: Recipe, train: Train) -> Iterator[Fault]:
    """Keys of a program that is not there, and batches that cannot be cut into equal parts."""
    for key in ("loss", "slots"):
        if getattr(train, key) != Train.model_fields[key].default:
            yield Fault(("train", key), "belongs to train.command, which is missing")
    for batch in dict.fromkeys((recipe.base.batch, *recipe.ladder.batch)):
        if batch % train.accumulate:
            yield Fault(
                ("train", "accumulate"),
                f"a batch of {batch} cannot be cut into {train.accumulate} equal parts; "
                f"expected a divisor of {batch}",
            )
            return


def _unknown_placeholders(recipe: Recipe, path: KeyPath, text: str) -> Iterator[Fault]:
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
