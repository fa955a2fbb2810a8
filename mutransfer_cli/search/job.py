"""What a sweep asks for: one trial, by its setting, size and seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.storage.record import Key, Record, trial_key
from mutransfer_cli.train.pruner import Pruner


@dataclass(frozen=True, slots=True)
class Job:
    """A trial to be run."""

    size: Size
    seed: int
    setting: tuple[tuple[str, float], ...]  # name and value, in the order of the search space
    judge: Pruner | None = field(default=None, compare=False, repr=False)  # None: runs to its end
    way: StepMode = field(
        default="plain", compare=False, repr=False
    )  # of a population that it is in

    @property
    def params(self) -> dict[str, float]:
        return dict(self.setting)

    @property
    def key(self) -> Key:
        return trial_key(self.size, self.seed, self.params)


def missing(wanted: Iterable[Job], records: Sequence[Record]) -> list[Job]:
    """Those that have not ended yet, the longest first so that the workers end together."""
    done = {record.key for record in records}
    left = {job.key: job for job in wanted if job.key not in done}
    return sorted(left.values(), key=lambda job: -job.size.width)
