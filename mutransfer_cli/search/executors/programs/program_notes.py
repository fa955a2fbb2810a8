"""Messages about the programs of a sweep, and how long they take."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.record import Record
from mutransfer_cli.train.command.loss_file import NoLoss


def program_notes(
    recipe: Recipe, placeholders: Collection[str], folder: Path, records: Sequence[Record]
) -> list[str]:
    """Notes on placeholders that a command lacks, and on failed trials.

    Args:
        recipe: The recipe, which has a section `train`.
        placeholders: The placeholders of its command.
        folder: The folder of all trials.
        records: Trials that have ended.
    """
    notes = []
    if "seed" not in placeholders and recipe.search.seeds > 1:
        notes.append("train.command has no {seed}: the seeds of a setting are the same run")
    if not {"plan", "out", *recipe.search.space} & set(placeholders):
        notes.append("train.command has no {plan}: no trial sees its hyperparameters")
    program = recipe.program
    if program is not None and program.loss.meaning is not None:
        notes.append(program.loss.meaning)
    failed = [r for r in records if r.outcome == "failed"]
    if failed:
        notes.append(
            f"{len(failed)} failed, the first: {failed[0].why}; their output is in "
            f"{folder}; they are not run again: repair the program and choose another "
            "--run"
        )
    return notes


def unreadable(error: NoLoss, folder: Path) -> InputError:
    """The error for the first program that ends well and leaves no loss that can be read."""
    return InputError(
        f"{error}; the sweep ends here, since no loss could be read so far: mend train.loss and "
        f"run the same command again, and losses that were left in {folder} are read (a program "
        "that has no loss should write nan, or exit with another code than 0)",
        path=("train", "loss"),
    )


def median_seconds(records: Sequence[Record], size: Size) -> float | None:
    """Median seconds of the finished trials of a size; None if there are none."""
    seconds = sorted(r.seconds for r in records if r.size == size and r.outcome == "finished")
    return seconds[len(seconds) // 2] if seconds else None
