"""The fit of a run directory."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.fit.axes import fit
from mutransfer_cli.fit.document import FitDocument
from mutransfer_cli.fit.observation import Observation
from mutransfer_cli.recipe.size import Size, base_size
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
        pruned=record.outcome == "pruned",
    )


def observations_of(run: Path) -> list[Observation]:
    """A run's trials but those that failed, which say nothing of the loss."""
    lr = read_recipe(run).optimizer.lr
    kept = [r for r in read_records(run) if r.outcome != "failed"]
    return [observation_of(r, lr) for r in kept]


def base_of(run: Path) -> Size:
    """The size at which the run's hyperparameters are quoted."""
    return base_size(read_recipe(run))


def fit_of_run(run: Path, *, confidence: float = 0.95) -> FitDocument:
    """Fit a run directory."""
    return fit(observations_of(run), confidence=confidence, source=str(run), base=base_of(run))
