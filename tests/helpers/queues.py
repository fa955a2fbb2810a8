"""Queues of a study that several processes share."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import parse_location
from mutransfer_cli.search.storage.shared_queue import SharedTrialQueue
from mutransfer_cli.search.storage.study import Study
from tests.helpers.sweeps import RECIPE

SIZE = Size(8, 1, 4, 12)
JOBS = [Job(SIZE, seed, (("lr", 0.1),)) for seed in range(4)]
RANGES = {"lr": (0.01, 1.0, True)}


def shared_queue(folder: Path, storage: str, **options: float) -> SharedTrialQueue:
    """As another process would open them: its own handle on the storage."""
    recipe = loads(RECIPE.replace("STEPS", "12"), "r.yaml").recipe
    study = Study.open(parse_location(storage, folder), recipe, create=True)
    return SharedTrialQueue(study, RANGES, {SIZE: 1.0}, **options)  # type: ignore[arg-type]


def ended(job: Job, loss: float = 1.0) -> Record:
    return Record(job.params, 8, 1, 4, 12, job.seed, "finished", loss)
