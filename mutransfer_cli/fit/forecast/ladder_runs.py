"""The runs that a prediction is made from: those of a run directory, or of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.assumed_rules import TransferRules
from mutransfer_cli.fit.run_fit import transfer_rules, untrained_loss
from mutransfer_cli.fit.tables.table_runs import read_runs
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.search.completeness import unfinished
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.surface.observation import Observation


@dataclass(frozen=True)
class LadderRuns:
    """Runs with what is known about them.

    Attributes:
        source: The run directory, the table, or the address of an Optuna storage.
        observations: The runs.
        digest: SHA-256 of the recipe and all outcomes, or of the table's bytes.
        recipe: The recipe; None for a table.
        spaces: The spaces that were searched, by hyperparameter; empty for a table.
        rules: The rules by which the runs and their target are scaled.
        untrained: The loss of the untrained model, if it is known and needed.
        started: When the first run started; None if unknown.
        notes: Caveats.
    """

    source: str
    observations: tuple[Observation, ...]
    digest: str
    recipe: Recipe | None = None
    spaces: Mapping[str, Space] = field(default_factory=dict)
    rules: TransferRules = field(default_factory=TransferRules)
    untrained: float | None = None
    started: datetime | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How a table of runs is read.

    Attributes:
        columns: Texts of `--columns`, such as `width=d_model,loss=eval/loss`.
        where: Conditions on rows, such as `optimizer=adamw`.
        study: Name of the study, for an Optuna storage with several.
        lr_is: Meaning of its learning rates: `base` or `raw`.
        optimizer: Optimizer of its runs, for raw rates.
        base_width: Width at which rates are quoted; by default its smallest.
    """

    columns: Sequence[str] = ()
    where: Sequence[str] = ()
    study: str | None = None
    lr_is: str = "base"
    optimizer: str = "adamw"
    base_width: int | None = None


def ladder_runs(source: str, table: TableOptions, named: Collection[str] = ()) -> LadderRuns:
    """Read a run directory or a table.

    Args:
        source: A run directory, a table, or the address of an Optuna storage.
        table: How a table is read.
        named: The sizes that name the target.

    Raises:
        InputError: The source cannot be read, or holds no runs.
    """
    path = Path(source)
    if path.is_dir():
        run = Run.open(path)
        if not run.observations:
            raise InputError(f"{source}: holds no finished or diverged trial; run the sweep first")
        remaining = unfinished(run)
        return LadderRuns(
            source=source,
            observations=run.observations,
            digest=run.digest,
            recipe=run.recipe,
            spaces=run.recipe.search.space,
            rules=transfer_rules(run.recipe),
            untrained=untrained_loss(run),
            started=run.started,
            notes=() if remaining is None else (remaining,),
        )
    runs = read_runs(
        source,
        columns=table.columns,
        where=table.where,
        study=table.study,
        lr_is=table.lr_is,
        optimizer=table.optimizer,
        base_width=table.base_width,
        named=named,
    )
    content = path.read_bytes() if path.is_file() else repr(runs.observations).encode()
    understanding = runs.understanding
    return LadderRuns(
        source=source,
        observations=tuple(runs.observations),
        digest=sha256(content).hexdigest(),
        notes=(
            f"read {source}: {understanding.line}",
            *understanding.row_lines,
            *understanding.notes,
        ),
    )
