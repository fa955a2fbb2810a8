"""Gradients summed over parts of a batch are those of a batch as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.train.batches import data_stream
from mutransfer_cli.train.cost import measure_cost
from mutransfer_cli.train.gradients.micro_batches import micro_batches
from mutransfer_cli.train.population.equivalence import unsafe_reason
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.single_trial import SingleModel
from mutransfer_cli.train.trial import Trial
from tests.helpers.trials import GPT, MLP, changed_recipe


def in_parts(text: str, parts: int) -> Recipe:
    return changed_recipe(text, train={"accumulate": parts})


def gradients(recipe: Recipe) -> dict[str, Tensor]:
    """Gradients of the first batch, left by a step at a rate of nearly zero."""
    recipe = recipe.model_copy(update={"clip": None})
    model = SingleModel(Trial.of(ProxyFactory(recipe), base_size(recipe)))
    model.step(0)
    named = model.subject.model.named_parameters()
    return {n: p.grad.clone() for n, p in named if p.grad is not None}


def by_hand(recipe: Recipe, parts: int) -> dict[str, Tensor]:
    """As training loops write it: divide each loss by the number of parts, and add gradients."""
    factory, size = ProxyFactory(recipe), base_size(recipe)
    subject = factory.build(size, 0, factory.plan(size))
    x, y = data_stream(factory, subject, size, 0).batch(0)
    for inputs, targets in zip(x.chunk(parts), y.chunk(parts), strict=True):
        logits = subject.model(inputs).flatten(0, -2)
        torch.autograd.backward(F.cross_entropy(logits, targets.flatten()) / parts)
    named = subject.model.named_parameters()
    return {n: p.grad.clone() for n, p in named if p.grad is not None}


def apart(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    """Largest relative difference of a tensor."""
    assert a.keys() == b.keys()
    return max(float((a[n] - b[n]).norm() / a[n].norm()) for n in a)


@pytest.mark.parametrize("text", [MLP, GPT], ids=["mlp", "gpt"])
@pytest.mark.parametrize("parts", [2, 4])
def test_the_gradient_is_that_of_the_batch_as_one(text: str, parts: int) -> None:
    found = gradients(in_parts(text, parts))
    assert apart(found, gradients(in_parts(text, 1))) < 1e-6
    assert apart(found, by_hand(in_parts(text, 1), parts)) < 1e-6
    # the control: a part by itself has another gradient
    half = changed_recipe(text, base__batch=base_size(in_parts(text, 1)).batch // parts)
    assert apart(found, gradients(half)) > 1e-2


@pytest.mark.parametrize("text", [MLP, GPT], ids=["mlp", "gpt"])
@pytest.mark.parametrize("seeds", [(0, 0), (0, 1)], ids=["one-batch", "two-batches"])
def test_a_population_accumulates_as_its_trials(text: str, seeds: tuple[int, ...]) -> None:
    recipe = in_parts(text, 4)
    trials = [
        Trial.of(ProxyFactory(recipe), base_size(recipe), seed, {"lr": rate})
        for seed, rate in zip(seeds, (0.01, 0.02), strict=True)
    ]
    population, singles = Population(trials), [SingleModel(t) for t in trials]
    for step in range(6):
        losses = population.step(step).tolist()
        assert losses == pytest.approx([float(s.step(step)) for s in singles], rel=1e-4)
    assert unsafe_reason(trials, "cpu") is None


def test_a_population_that_forgets_a_part_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = in_parts(MLP, 4)
    trials = [Trial.of(ProxyFactory(recipe), base_size(recipe), seed) for seed in (0, 1)]
    honest = Population._backward

    def forgetful(self: Population, batch: object, shared: bool) -> Tensor:
        losses = honest(self, batch, shared)
        self.stack.grads.mul_(0.75)
        return losses

    from mutransfer_cli.train.population import equivalence

    monkeypatch.setattr(equivalence, "known_reasons", {})
    monkeypatch.setattr(Population, "_backward", forgetful)
    reason = unsafe_reason(trials, "cpu")
    assert reason is not None and "trains differently" in reason


def test_parts_need_less_memory() -> None:
    costs = [
        measure_cost(ProxyFactory(recipe), replace(base_size(recipe), steps=8))
        for recipe in (in_parts(GPT, 1), in_parts(GPT, 4))
    ]
    whole, cut = (c.bytes for c in costs)
    assert whole is not None and cut is not None and cut < whole


INPUTS = torch.arange(12.0).view(6, 2)
BATCH = {"x": INPUTS, "y": torch.arange(6), "note": "kept"}


def test_parts_keep_order_and_structure() -> None:
    parts = micro_batches(BATCH, 3)
    assert [p["y"].tolist() for p in parts] == [[0, 1], [2, 3], [4, 5]]
    assert torch.equal(torch.cat([p["x"] for p in parts]), INPUTS)
    assert {p["note"] for p in parts} == {"kept"}
    assert micro_batches(BATCH, 1) == [BATCH]
    stacked = micro_batches(torch.arange(8).view(2, 4), 2, dimension=1)
    assert [p.tolist() for p in stacked] == [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]


@pytest.mark.parametrize(
    "batch", [BATCH, (torch.zeros(8), torch.zeros(4)), (torch.zeros(8), torch.tensor(1.0)), "text"]
)
def test_batches_that_cannot_be_cut(batch: object) -> None:
    with pytest.raises(InputError, match="cannot be cut into 4 equal parts") as error:
        micro_batches(batch, 4)
    assert error.value.path == ("train", "accumulate")
