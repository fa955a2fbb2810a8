"""The fit of a run directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.fit.axes import fit
from mutransfer_cli.fit.completeness import told_of, unfinished
from mutransfer_cli.recipe.size import Size, base_size
from mutransfer_cli.search.storage.run_directory import read_recipe
from mutransfer_cli.search.storage.study import Record, read_records
from mutransfer_cli.surface.observation import Observation, observation_of


def observations_of(run: Path, records: Sequence[Record] | None = None) -> list[Observation]:
    """A run's trials but those that failed, which say nothing of the loss."""
    lr = read_recipe(run).optimizer.lr
    found = read_records(run) if records is None else records
    return [observation_of(r, lr) for r in found if r.outcome != "failed"]


def base_of(run: Path) -> Size:
    """The size at which the run's hyperparameters are quoted."""
    return base_size(read_recipe(run))


def fit_of_run(run: Path, *, confidence: float = 0.95) -> FitDocument:
    """Fit a run directory; says so where its sweep is not whole."""
    records = read_records(run)
    observations = observations_of(run, records)
    found = fit(observations, confidence=confidence, source=str(run), base=base_of(run))
    return told_of(found, unfinished(run, records))
