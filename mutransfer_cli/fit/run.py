"""Fits of a run directory and of a table."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.fit.document import FitDocument
from mutransfer_cli.fit.fit import fit
from mutransfer_cli.fit.observation import Observation
from mutransfer_cli.fit.table import read_table
from mutransfer_cli.search.run import read_recipe
from mutransfer_cli.search.study import Record, read_records


def observation_of(record: Record, lr: float) -> Observation:
    """A trial as an observation; `lr` is the recipe's, for a search along other dimensions."""
    return Observation(
        width=record.width,
        depth=record.depth,
        batch=record.batch,
        steps=record.steps,
        lr=record.params.get("lr", lr),
        seed=record.seed,
        loss=record.loss,
        params={k: v for k, v in record.params.items() if k != "lr"},
    )


def fit_of_run(run: Path, *, confidence: float = 0.95) -> FitDocument:
    """Fit a run's finished and divergent trials; failed ones say nothing of the loss."""
    lr = read_recipe(run).optimizer.lr
    kept = [r for r in read_records(run) if r.outcome in {"finished", "diverged"}]
    observations = [observation_of(r, lr) for r in kept]
    return fit(observations, confidence=confidence, source=str(run))


def fit_of_table(
    path: Path,
    *,
    confidence: float = 0.95,
    lr_is: str = "base",
    optimizer: str = "adamw",
    base_width: int | None = None,
) -> FitDocument:
    """Fit a CSV table of runs made elsewhere."""
    observations = read_table(path, lr_is=lr_is, optimizer=optimizer, base_width=base_width)
    return fit(observations, confidence=confidence, source=str(path))
