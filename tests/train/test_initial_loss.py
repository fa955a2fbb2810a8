"""The loss before training is measured once for trials that start alike, and only for those."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.train import initial_loss as module
from mutransfer_cli.train.batches import data_stream
from mutransfer_cli.train.initial_loss import initial_loss

TEXT = (
    "name: a\nmodel: {build: MODEL}\ndata: {source: teacher, d_in: 16, d_out: 4}\n"
    "base: {width: 16, depth: 1, batch: 8, steps: 4}\nladder: {width: [16]}\n"
)
MLP = loads(TEXT.replace("MODEL", "mlp")).recipe


@pytest.fixture(autouse=True)
def nothing_is_known() -> Iterator[None]:
    module._cache.clear()
    yield
    module._cache.clear()


def measured(recipe: Recipe, seed: int, calls: list[float], own: bool = False) -> float:
    """The untrained loss; calls: one number more for each time it was measured."""
    size = base_size(recipe)
    factory = ProxyFactory(recipe)
    plan = factory.plan(size)
    subject = factory.build_with_optimizer(size, seed, plan)
    held_out = data_stream(factory, subject, size, seed).validation
    if own:
        loss = subject.loss
        assert loss is not None
        subject = Subject(subject.model, subject.optimizer, loss=lambda m, b: loss(m, b))

    def measure() -> float:
        calls.append(1.0 + len(calls))
        return calls[-1]

    return initial_loss(subject, plan, held_out, measure)


def test_trials_that_differ_in_their_rates_share_it() -> None:
    calls: list[float] = []
    assert measured(MLP, 0, calls) == measured(override(MLP, {"lr": 0.1}), 0, calls) == 1.0
    assert len(calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        override(MLP, {"logit_multiplier": 2.0}),
        override(MLP, {"readout_std": 0.5}),
        loads(TEXT.replace("MODEL", "mlp, args: {activation: tanh}")).recipe,
    ],
)
def test_what_starts_otherwise_is_measured(other: Recipe) -> None:
    """The controls: another multiplier, init or model; another seed; a loss of the user's own."""
    calls: list[float] = []
    measured(MLP, 0, calls)
    assert measured(other, 0, calls) == 2.0
    assert measured(MLP, 1, calls) == 3.0
    assert [measured(MLP, 0, calls, own=True) for _ in range(2)] == [4.0, 5.0]
