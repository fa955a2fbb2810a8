"""Small sweeps, and what is asked of the processes that run them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.recipe.load import LoadedRecipe, load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.progress import Event
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import Sampler, make_sampler
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.search.sweep import sweep
from tests.helpers.waiting import wait_until

RECIPE = """
name: small
model: {build: mlp}
optimizer: {name: sgd, lr: 0.1}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 1, batch: 4, steps: STEPS}
ladder: {width: [8, 16]}
search: {space: {lr: {log2: [-4, -2], step: 1}}, seeds: 2, extend: 0}
"""
TRIALS = 3 * 2 * 2  # rates, seeds, widths

# Some of its trials are pruned.
PRUNED_RECIPE = """
name: real
model: {build: mlp}
optimizer: {name: adamw, lr: 0.01}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 16, depth: 1, batch: 64, steps: 80}
ladder: {width: [16, 32]}
search: {space: {lr: {log2: [-11, 1], step: 1}}, seeds: 2, extend: 0, prune: halving}
"""

# A model that hangs in its forward pass at width 16 and seed 1.
HANGING = """
import time, torch
class Sleeper(torch.nn.Module):
    def __init__(self, width, seed):
        super().__init__()
        self.a, self.b = torch.nn.Linear(8, width), torch.nn.Linear(width, 3)
        self.hangs, self.calls = width == 16 and seed == 1, 0
    def forward(self, x):
        self.calls += self.training
        if self.hangs and self.calls > 3:
            time.sleep(3600)
        return self.b(torch.relu(self.a(x)))
def build(width, seed):
    return Sleeper(width, seed)
"""


def write_recipe(folder: Path, steps: int = 12, **changes: str) -> Path:
    """The small recipe as a file, with some of its text replaced."""
    text = RECIPE.replace("STEPS", str(steps))
    for old, new in changes.items():
        text = text.replace(old, new)
    path = folder / "r.yaml"
    path.write_text(text)
    return path


def run_sweep(path: Path, run: Path, **options: object) -> tuple[LoadedRecipe, list[Event]]:
    """Sweep a recipe on two workers; the recipe and the progress."""
    loaded, events = load(path), []
    sweep(loaded, run, device="cpu", workers=2, on_progress=events.append, **options)  # type: ignore[arg-type]  # by name
    return loaded, events


def swept_by(
    path: Path, run: Path, executor: str, engine: str
) -> tuple[dict[object, object], Population]:
    """What two workers of an executor stored, each trial once; and how it was trained."""
    document = sweep(load(path), run, device="cpu", workers=2, executor=executor, engine=engine)
    assert document.workers == 2
    records = Run.open(run).records
    assert len({r.key for r in records}) == len(records)
    return {r.key: (r.outcome, r.loss, r.curve) for r in records}, document.population


def sampler_of(recipe: Recipe, first_seed: int = 0) -> Sampler:
    """The sampler of a recipe."""
    return make_sampler(search_problem(recipe, first_seed))


def proposed(recipe: Recipe, records: Sequence[Record] = ()) -> list[Job]:
    """What a recipe's sampler proposes given some records."""
    return sampler_of(recipe).propose(records)


def record_with(job: Job, loss: float | None) -> Record:
    """The record of a job that finished with a loss, or diverged."""
    size = job.size
    outcome = "finished" if loss is not None else "diverged"
    return Record(
        job.params, size.width, size.depth, size.batch, size.steps, job.seed, outcome, loss
    )


def group_is_gone(group: int) -> bool:
    """Whether no process of a group runs any more."""

    def gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    return wait_until(gone, 20)
