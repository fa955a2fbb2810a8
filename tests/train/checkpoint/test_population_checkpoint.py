"""A population that was interrupted goes on in the middle, to the same last digit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.group_training import interrupted_groups, train_jobs
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers.growing_grid import grid_settings
from mutransfer_cli.train.checkpoint.checkpointer import GroupCheckpointer
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.trial_result import Result
from tests.helpers.cuts import Cut
from tests.helpers.trials import small_recipe

SIZE = Size(32, 2, 8, 60)
SEARCH = "search: {seeds: 1, space: {lr: {log2: [-10, -7]}}}\n"


def jobs_of(made: Any) -> tuple[Job, ...]:
    return tuple(Job(SIZE, i % 2, s) for i, s in enumerate(grid_settings(made.search.space)))


def cut_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves before every step, and stops before one."""
    whole = Population.step

    def some(self: Population, at: int) -> Tensor:
        if at == step:
            raise Cut
        return whole(self, at)

    monkeypatch.setattr(Population, "step", some)
    monkeypatch.setattr(GroupCheckpointer, "due", property(lambda self: True))


def results(made: Any, jobs: tuple[Job, ...], folder: Path | None) -> dict[Job, Result]:
    found = dict(train_jobs(ProxyFactory(made), jobs, "cpu", folder))
    return {jobs[i]: result for i, result in found.items()}


def same(one: Result, other: Result) -> bool:
    return (one.outcome, one.loss, one.curve) == (other.outcome, other.loss, other.curve)


def test_the_last_one_of_a_population_has_the_loss_it_would_have_had_in_it() -> None:
    """Whether others are left to train with it does not change a digit."""
    made = small_recipe("mlp", "adamw", SEARCH)
    jobs = jobs_of(made)
    last = jobs[0]
    truth = results(made, jobs, None)[last]
    left = results(made, (replace(last, batched=True),), None)[last]
    apart = results(made, (last,), None)[last]
    assert same(left, truth)
    assert not same(apart, truth)  # the control: trained one by one, it rounds in another order


@pytest.mark.parametrize(
    ("model", "optimizer", "build"),
    [
        ("mlp", "adamw", ""),
        ("mlp", "lion", ""),
        ("mlp", "adafactor", ""),
        ("gpt", "muon", ""),
        ("batch", "sgd", ""),
        ("own", "adam", "own:noisy"),  # dropout: the random generator goes on too
    ],
)
def test_goes_on_to_the_same_last_digit(
    model: str,
    optimizer: str,
    build: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own_module: None,
) -> None:
    made = small_recipe(model, optimizer, SEARCH, build)
    jobs = jobs_of(made)
    truth = results(made, jobs, None)
    with monkeypatch.context() as patch:
        cut_at(37, patch)
        with pytest.raises(Cut):
            results(made, jobs, tmp_path)
    steps: list[int] = []
    with monkeypatch.context() as patch:
        whole = Population.step
        patch.setattr(Population, "step", lambda s, at: (steps.append(at), whole(s, at))[1])
        groups, rest = interrupted_groups(ProxyFactory(made), jobs, "cpu", tmp_path)
        assert ([set(g) for g in groups], rest) == ([set(jobs)], [])
        found = results(made, groups[0], tmp_path)
    assert steps[0] == 37  # and not from the first
    assert all(same(found[job], truth[job]) for job in jobs)
    assert not list(tmp_path.glob("group-*"))


def test_goes_on_without_those_that_others_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = small_recipe("mlp", more=SEARCH)
    jobs = jobs_of(made)
    truth = results(made, jobs, None)
    with monkeypatch.context() as patch:
        cut_at(37, patch)
        with pytest.raises(Cut):
            results(made, jobs, tmp_path)
    left = jobs[1:]
    groups, rest = interrupted_groups(ProxyFactory(made), left, "cpu", tmp_path)
    assert [set(g) for g in groups] == [set(left)] and not rest
    found = results(made, groups[0], tmp_path)
    assert all(same(found[job], truth[job]) for job in left)


def test_no_other_recipe_s_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, other = small_recipe("mlp", more=SEARCH), small_recipe("mlp", "sgd", more=SEARCH)
    jobs = jobs_of(made)
    with monkeypatch.context() as patch:
        cut_at(37, patch)
        with pytest.raises(Cut):
            results(made, jobs, tmp_path)
    assert interrupted_groups(ProxyFactory(other), jobs, "cpu", tmp_path) == ([], list(jobs))
    (file,) = tmp_path.glob("group-*")
    file.write_bytes(file.read_bytes()[:100])  # torn: as if there were none
    assert interrupted_groups(ProxyFactory(made), jobs, "cpu", tmp_path) == ([], list(jobs))
