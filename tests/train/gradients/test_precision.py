"""Trials in bfloat16 are those of a loop written with torch's own modules, step by step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import base_size
from mutransfer_cli.train.batches import data_stream
from mutransfer_cli.train.population.equivalence import unsafe_reason
from mutransfer_cli.train.single_trial import SingleModel, train_trial
from mutransfer_cli.train.trial import Trial
from tests.helpers.trials import GPT, MLP, changed_recipe, small_recipe

PRECISIONS = ("float32", "bf16-autocast", "bf16")
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9),
    "adamw": lambda params: torch.optim.AdamW(
        params, lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0
    ),
}
STEPS = 12


def recipe_in(text: str, precision: str) -> Recipe:
    """Under sp, at a constant rate and without decay: the same for all tensors, as in a loop."""
    return changed_recipe(
        text,
        parameterization="sp",
        optimizer__weight_decay=0.0,
        schedule__name="constant",
        schedule__warmup=0.0,
        train={"precision": precision},
    )


def by_hand(recipe: Recipe, precision: str) -> list[float]:
    """The losses of every step."""
    factory = ProxyFactory(recipe)
    size = base_size(recipe)
    subject = factory.build(size, 0, factory.plan(size))
    model, data = subject.model, data_stream(factory, subject, size, 0)
    if precision == "bf16":
        model = model.to(torch.bfloat16)
    optimizer = OPTIMIZERS[recipe.optimizer.name](model.parameters())
    torch.manual_seed(0)
    losses = []
    for step in range(STEPS):
        x, y = data.batch(step)
        if precision == "bf16" and x.is_floating_point():
            x = x.bfloat16()
        autocast = precision == "bf16-autocast"
        with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
            logits = model(x).float().flatten(0, -2)
            loss = F.cross_entropy(logits, y.flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def by_trial(recipe: Recipe) -> list[float]:
    model = SingleModel(Trial.of(ProxyFactory(recipe), base_size(recipe)))
    torch.manual_seed(0)
    return [float(model.step(step)) for step in range(STEPS)]


def apart(a: list[float], b: list[float]) -> float:
    return max(abs(x - y) / x for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("text", [MLP, GPT], ids=["mlp-sgd", "gpt-adamw"])
def test_losses_are_those_of_a_plain_loop(text: str) -> None:
    losses = {p: by_trial(recipe_in(text, p)) for p in PRECISIONS}
    for precision in PRECISIONS:
        assert apart(losses[precision], by_hand(recipe_in(text, precision), precision)) < 1e-5
    # the control: the precisions differ from one another
    assert losses["float32"] != losses["bf16-autocast"] != losses["bf16"] != losses["float32"]


def test_what_is_stored_in_bfloat16() -> None:
    """Parameters and moments of bf16 alone; autocast keeps both in float32."""
    for precision, stored in zip(
        PRECISIONS, (torch.float32, torch.float32, torch.bfloat16), strict=True
    ):
        recipe = recipe_in(GPT, precision)
        model = SingleModel(Trial.of(ProxyFactory(recipe), base_size(recipe)))
        model.step(0)
        assert {p.dtype for p in model.params} == {stored}
        (optimizer,) = getattr(model.subject.optimizer, "parts", [model.subject.optimizer])
        assert {s["exp_avg"].dtype for s in optimizer.state.values()} == {stored}


def test_products_under_autocast_are_in_bfloat16() -> None:
    for precision, expected in (("float32", torch.float32), ("bf16-autocast", torch.bfloat16)):
        recipe = recipe_in(MLP, precision)
        model = SingleModel(Trial.of(ProxyFactory(recipe), base_size(recipe)))
        seen: list[torch.dtype] = []

        def note(*call: Any, seen: list[torch.dtype] = seen) -> None:
            seen.append(call[-1].dtype)

        model.subject.model.get_submodule("readout").register_forward_hook(note)
        model.step(0)
        model.validation_losses()
        assert set(seen) == {expected} and len(seen) > 1


@pytest.mark.parametrize("precision", PRECISIONS[1:])
@pytest.mark.parametrize("model", ["gpt", "batch"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "adafactor", "lion", "muon"])
def test_every_optimizer_trains(model: str, optimizer: str, precision: str) -> None:
    more = f"train: {{precision: {precision}}}\nschedule: {{warmup: 0}}\n"
    recipe = small_recipe(model, optimizer, more)
    recipe = recipe.model_copy(update={"base": recipe.base.model_copy(update={"steps": 20})})
    result = train_trial(Trial.of(ProxyFactory(recipe), base_size(recipe)))
    assert result.outcome == "finished" and result.loss is not None
    assert result.loss < result.curve[0][1]
    assert result.norms and all(value > 0 for value in result.norms.values())


def test_a_checkpoint_restores_bfloat16() -> None:
    recipe = recipe_in(GPT, "bf16")
    trial = Trial.of(ProxyFactory(recipe), base_size(recipe))
    first, second = SingleModel(trial), SingleModel(trial)
    for step in range(3):
        first.step(step)
    second.restore(first.state(), [0])
    assert float(first.step(3)) == float(second.step(3))


def test_populations_are_refused_with_a_reason() -> None:
    for precision in PRECISIONS:
        recipe = recipe_in(MLP, precision)
        trials = [Trial.of(ProxyFactory(recipe), base_size(recipe), seed) for seed in (0, 1)]
        reason = unsafe_reason(trials, "cpu")
        if precision == "float32":
            assert reason is None
        else:
            assert reason is not None and reason.startswith(f"train.precision {precision} rounds")
