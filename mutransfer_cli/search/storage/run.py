"""A run directory as one object, which reads each of its files at most once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mutransfer_cli.catalog.sizes import FURTHER_AXES
from mutransfer_cli.data.data_file import READING_ERRORS
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.record import Record, observation_of
from mutransfer_cli.search.storage.provenances import StoredProvenance, provenances
from mutransfer_cli.search.storage.run_directory import (
    CURVES,
    ENVIRONMENT,
    RECIPE,
    location_of_run,
    read_environment,
    read_start_rate,
)
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.surface.observation import Observation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mutransfer_cli.search.storage.location import StorageLocation


class Run:
    """The contents of a run directory.

    Attributes:
        path: The directory.
        recipe: The frozen recipe of the sweep.
    """

    def __init__(self, path: Path, recipe: Recipe) -> None:
        self.path = path
        self.recipe = recipe

    @classmethod
    def open(cls, path: Path) -> Run:
        """Read the frozen recipe; everything else is read on first use.

        Raises:
            InputError: The folder is not a run directory, or its recipe is damaged.
        """
        if not (path / RECIPE).is_file():
            problem = "is not a run directory" if path.is_dir() else "does not exist"
            raise InputError(
                f"{path}: {problem}; `mutransfer sweep RECIPE --run {path}` creates one"
            )
        return cls(path, load(path / RECIPE).recipe)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, device, seed and digests of the sweep; empty if the file is missing.

        Raises:
            InputError: The file is damaged.
        """
        return read_environment(self.path)

    @property
    def seed(self) -> int:
        """The first seed of the sweep."""
        return int(self.environment.get("seed") or 0)

    @property
    def start_rate(self) -> float | None:
        """The learning rate about which the search began; None: it began as the recipe says."""
        return read_start_rate(self.path, self.environment)

    @cached_property
    def location(self) -> StorageLocation:
        """Where the study is stored."""
        return location_of_run(self.path, self.environment)

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Every trial that has ended, in the order in which they were started.

        Raises:
            InputError: There is no study, or it cannot be read.
        """
        return tuple(self._study.records())

    @cached_property
    def provenances(self) -> list[StoredProvenance]:
        """What the trials were made with, the oldest first; empty for a run of an older version.

        Raises:
            InputError: There is no study, or it cannot be read.
        """
        return provenances(self._study.attributes())

    @cached_property
    def _study(self) -> Study:
        return Study.open(self.location, self.recipe)

    @cached_property
    def observations(self) -> tuple[Observation, ...]:
        """The trials for a fit, without those that failed, which say nothing about the loss."""
        lr = self.recipe.optimizer.lr
        records = [r for r in self.records if r.outcome != "failed"]
        grown = {name for r in records for name in r.size.as_dict()}
        further = [row.size for row in FURTHER_AXES if row.size in grown]
        return tuple(observation_of(r, lr, further) for r in records)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the recipe file and of all outcomes, whatever order the trials ended in."""
        lines = sorted(f"{r.key} {r.outcome} {r.loss!r}" for r in self.records)
        return sha256((self.path / RECIPE).read_bytes() + "\n".join(lines).encode()).hexdigest()

    @property
    def endings(self) -> list[tuple[datetime, float]]:
        """When each trial was stored, and the seconds that it took its worker.

        Raises:
            InputError: There is no study, or it cannot be read.
        """
        return [
            (trial.datetime_complete.astimezone(UTC), trial.user_attrs.get("seconds", 0.0))
            for trial in self._study.trials()
            if trial.datetime_complete is not None  # Optuna stores local time
        ]

    @cached_property
    def started(self) -> datetime | None:
        """When the sweep was first started; None if nothing shows it.

        Where the environment does not say, it is when the earliest trial was stored, less the
        seconds that it took.

        Raises:
            InputError: The environment or the study is damaged.
        """
        stated = self.environment.get("started")
        if stated is not None:
            try:
                return datetime.fromisoformat(stated).astimezone(UTC)
            except (TypeError, ValueError, OverflowError):
                raise InputError(
                    f"{self.path / ENVIRONMENT}: started: expected a date, found {stated!r}"
                ) from None
        trials = self._study.trials()
        starts = [
            trial.datetime_start.astimezone(UTC)  # Optuna stores local time
            - timedelta(seconds=trial.user_attrs.get("seconds", 0.0))
            for trial in trials
            if trial.datetime_start is not None
        ]
        return min(starts, default=None)

    @cached_property
    def curves(self) -> dict[str, NDArray[np.float64]]:
        """Training curves by trial, each an array (2, points) of steps and losses.

        Empty if the sweep has not written any.
        """
        import numpy as np

        path = self.path / CURVES
        if not path.is_file():
            return {}
        try:
            with np.load(path, allow_pickle=False) as stored:
                curves = {name: stored[name] for name in stored.files}
        except READING_ERRORS as error:
            raise InputError(
                f"{path}: not the curves of a run: {error}; delete it, and the same sweep writes "
                "it again"
            ) from error
        for name, curve in curves.items():
            if not isinstance(curve, np.ndarray):
                raise InputError(f"{path}: {name}: not an array")
            if curve.dtype.kind != "f" or curve.ndim != 2 or len(curve) != 2:
                raise InputError(
                    f"{path}: {name}: expected an array (2, points) of steps and losses, found "
                    f"{curve.shape} {curve.dtype}"
                )
        return curves
