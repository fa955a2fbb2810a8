"""What a tracker's module provides, and what a trial is to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeAlias

from mutransfer_cli.search.record import Record

LONGEST_NAME = 100  # characters; with the id it becomes the name of a folder

Value: TypeAlias = float | int | str


@dataclass(frozen=True, slots=True)
class TrialLog:
    """What is logged about a trial that has ended.

    Attributes:
        id: The same for the same trial in every call of the sweep; 12 hexadecimal digits.
        name: A readable name, such as `width-32-seed-0-lr-0.0078125`.
        hyperparameters: Those that the search varied, the sizes and the seed, by name.
        curve: Steps and training losses.
        outcome: One of finished, diverged, failed, pruned.
        metrics: Final loss where it finished, seconds and FLOPs, by name.
        reason: Why it did not finish; None if it did.
    """

    id: str
    name: str
    hyperparameters: Mapping[str, Value]
    curve: tuple[tuple[int, float], ...]
    outcome: str
    metrics: Mapping[str, float]
    reason: str | None

    @classmethod
    def of(cls, record: Record) -> TrialLog:
        """The log of a trial."""
        size, _, setting = record.key
        sizes = size.as_dict()
        digest = sha256(repr((sorted(sizes.items()), record.seed, setting)).encode())
        params = [f"{name}-{value:.6g}" for name, value in sorted(record.params.items())]
        metrics = {"seconds": record.seconds, "flops": record.flops}
        if record.loss is not None:
            metrics["loss"] = record.loss
        return cls(
            id=digest.hexdigest()[:12],
            name="-".join((f"width-{size.width}", f"seed-{record.seed}", *params))[:LONGEST_NAME],
            hyperparameters={**sizes, "seed": record.seed, **record.params},
            curve=record.curve,
            outcome=record.outcome,
            metrics=metrics,
            reason=record.why,
        )


class TrialLogger(Protocol):
    """Writes trials to a tracker. Its class is called with the run directory and a study's name.

    Logging a trial a second time must replace or complete what was logged before: a process that
    is killed while it logs leaves its last trial to the next one.
    """

    def __init__(self, run: Path, study: str) -> None: ...

    def log(self, trial: TrialLog) -> None:
        """Log a trial that has ended."""

    def close(self) -> None:
        """Finish what is open."""
