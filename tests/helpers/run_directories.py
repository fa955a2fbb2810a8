"""Run directories as a sweep writes them, with losses that were never trained."""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from pathlib import Path

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import own_location
from mutransfer_cli.search.storage.run_directory import describe_environment, prepare
from mutransfer_cli.search.storage.study import Study
from tests.helpers.sweeps import proposed

RECIPE = """
name: bowls
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 2, batch: 16, steps: 40}
ladder: {width: [8, 16, 32]}
search: {space: {lr: {log2: [-9, -3], step: 1}}, seeds: 2, extend: 0}
"""


def bowl(width: int, x: float, seed: int) -> float:
    """The lowest loss is at log2(lr) = -6.2 at every width."""
    return 2 + 3 / width + 0.035 * (x + 6.2) ** 2 + 0.01 * seed


def finished_run(
    path: Path, text: str = RECIPE, loss: Callable[[int, float, int], float] = bowl
) -> Path:
    """A run directory whose grid has been swept; loss(width, log2(lr), seed)."""
    return run_of(path, text, lambda job: loss(job.size.width, log2(job.params["lr"]), job.seed))


def run_of(path: Path, text: str, loss: Callable[[Job], float]) -> Path:
    """A run directory whose grid has been swept, with the loss of every trial.

    Args:
        path: The folder.
        text: The recipe.
        loss: The loss of a trial.
    """
    recipe = loads(text).recipe
    prepare(path, recipe, describe_environment("cpu", 0, "none"))
    study = Study.open(own_location(path), recipe, create=True)
    space = recipe.search.space
    ranges = {name: (2.0**-30, 2.0**30, space[name].choice is None) for name in space}
    for job in proposed(recipe):
        size = job.size
        study.add(
            Record(
                job.params, size.width, size.depth, size.batch, size.steps, job.seed,
                "finished", loss(job),
            ),
            ranges,
        )  # fmt: skip
    return path
