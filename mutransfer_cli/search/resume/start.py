"""Opens the study of a sweep, and checks that its trials were made as new ones will be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import first_difference
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.provenance.provenance import Provenance
from mutransfer_cli.search.resume.acceptance import accept
from mutransfer_cli.search.storage.location import StorageLocation, is_missing
from mutransfer_cli.search.storage.locks import write_lock
from mutransfer_cli.search.storage.run_directory import (
    CURVES,
    ENVIRONMENT,
    RECIPE,
    prepare,
    read_environment,
    undo_prepare,
    update_environment,
)
from mutransfer_cli.search.storage.study import Study


@dataclass(frozen=True, slots=True)
class Start:
    """A sweep that is about to open its study.

    Attributes:
        run: The run directory, locked by this process.
        location: Where the study is stored.
        recipe: The recipe of the sweep.
        environment: Versions, device, seed and data digest, stored beside the recipe.
        provenance: What new trials are made with.
        accept_changes: Whether they may be added to trials of another provenance.
    """

    run: Path
    location: StorageLocation
    recipe: Recipe
    environment: dict[str, Any]
    provenance: Provenance
    accept_changes: bool = False

    def open(self) -> tuple[Study, tuple[str, ...]]:
        """Prepare the run directory, and open or create the study; returns notes with it.

        Raises:
            InputError: The run or the study belongs to another recipe, was made with something
                else, or cannot be written.
        """
        run, environment = self.run, self.environment
        with write_lock(run):
            is_new = not (run / RECIPE).is_file()
            before = read_environment(run)
            lost = () if is_new else (*lost_note(run, self.location), *rewritten_note(run))
            changed = () if is_new else change_note(run, self.recipe)
            prepare(run, self.recipe, environment)
            try:
                study = Study.open(self.location, self.recipe, create=True)
            except InputError:
                if is_new:  # a storage that never worked is not kept
                    undo_prepare(run)
                raise
        study.require_same(self.recipe, seed=environment["seed"])
        digest = environment["data_digest"]
        known = {**study.attributes(), **before}
        notes = accept(study, self.provenance, run, known, digest, self.accept_changes)
        if before.get("provenance", self.provenance.id) != self.provenance.id:
            with write_lock(run):
                update_environment(run, environment)
        return study, (*changed, *lost, *notes)


def change_note(run: Path, recipe: Recipe) -> tuple[str, ...]:
    """A note on a recipe that takes the place of the run's; `prepare` refuses any but such."""
    difference = first_difference(load(run / RECIPE).recipe, recipe)
    if difference is None:
        return ()
    return (f"the run goes on with this recipe, which trains the same and more: {difference}",)


def rewritten_note(run: Path) -> tuple[str, ...]:
    """A note on an environment that is gone, which `prepare` writes again."""
    path = run / ENVIRONMENT
    if path.is_file():
        return ()
    return (
        f"{path}: was missing; written again with the versions, device and seed of this command "
        "(each trial keeps what it was made with)",
    )


def lost_note(run: Path, location: StorageLocation) -> tuple[str, ...]:
    """A note on a study that is gone although trials of the run have ended."""
    try:
        is_empty = is_missing(location) or Path(location.address).stat().st_size == 0
    except OSError:
        is_empty = False  # a server, or a file that cannot be read, which is told later
    if not is_empty or not (run / CURVES).is_file():
        return ()
    return (
        f"{location.shown}: was missing or empty although trials had ended; they are trained "
        "again (their loss curves were in curves.npz)",
    )
