"""A trial to be run: its hyperparameters, size and seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.record import Key, Record, trial_key
from mutransfer_cli.train.pruner import Pruner
from mutransfer_cli.train.trial_result import Result

Reports: TypeAlias = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A trial to be run.

    Attributes:
        size: Its rung.
        seed: Seed of the initialization and of the order of the data.
        setting: Names and values of the hyperparameters, in the order of the search space.
        pruner: Decides whether it ends early; None: it runs to its end.
        step_mode: How its population takes steps.
        batched: Whether its rung trains in populations. Then it does so even if it is the only one
            left, so that a sweep that resumes has the losses of an undisturbed one bit for bit.
    """

    size: Size
    seed: int
    setting: tuple[tuple[str, float], ...]
    pruner: Pruner | None = field(default=None, compare=False, repr=False)
    step_mode: StepMode = field(default="plain", compare=False, repr=False)
    batched: bool = field(default=False, compare=False, repr=False)

    @property
    def params(self) -> dict[str, float]:
        """Hyperparameters by name."""
        return dict(self.setting)

    @property
    def key(self) -> Key:
        """Identifies the trial: jobs and records with equal keys are the same trial."""
        return trial_key(self.size, self.seed, self.params)


def missing(jobs: Iterable[Job], records: Sequence[Record]) -> list[Job]:
    """Jobs without a record, the widest first so that the workers finish at about the same time."""
    done = {record.key for record in records}
    remaining = {job.key: job for job in jobs if job.key not in done}
    return sorted(remaining.values(), key=lambda job: -job.size.width)


def record_of(
    job: Job, result: Result, cost: float, reports: Reports, provenance: str | None = None
) -> Record:
    """The record of a trial that has ended.

    Args:
        job: The trial.
        result: Its outcome, loss and loss curve.
        cost: FLOPs of a trial that runs to its end; a pruned trial is charged the share it used.
        reports: Steps at which it could have been pruned, and the losses there.
        provenance: Id of what the trial was made with.
    """
    share = 1.0
    if result.outcome == "pruned":
        share = (result.curve[-1][0] + 1) / job.size.steps
    return Record(
        params=job.params,
        **job.size.as_dict(),
        seed=job.seed,
        outcome=result.outcome,
        loss=result.loss,
        seconds=result.seconds,
        flops=cost * share,
        why=result.why,
        curve=result.curve,
        reports=reports,
        provenance=provenance,
        norms=result.norms,
    )
