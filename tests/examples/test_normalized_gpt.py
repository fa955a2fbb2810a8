"""The normalized transformer of the examples: its plan, its check, and populations of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mutransfer_cli.coordcheck.recipe_check import width_request
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from tests.helpers.check_requests import with_lr

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recipe]:
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield load(EXAMPLES / "normalized_gpt.yaml").recipe
    sys.modules.pop("normalized_gpt", None)


def test_states_and_weights_keep_their_size(recipe: Recipe) -> None:
    """States of RMS 1 after every block, and matrices as long as at init."""
    factory = ProxyFactory(recipe)
    plan = factory.plan(factory.base)
    subject = factory.build_with_optimizer(factory.base, 0, plan)
    states: list[torch.Tensor] = []
    for block in subject.model.blocks:  # type: ignore[union-attr]  # the example's list of blocks
        block.register_forward_hook(lambda module, inputs, output: states.append(output))
    hidden = [t.name for t in plan.tensors if t.optimizer == "adamh"]
    assert len(hidden) == 14
    named = dict(subject.model.named_parameters())
    norms = {name: float(named[name].detach().norm()) for name in hidden}
    tokens = torch.randint(256, (2, 33), generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        logits = subject.model(tokens[:, :-1])
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
        subject.optimizer.step()
    for name in hidden:
        assert float(named[name].detach().norm()) == pytest.approx(norms[name], rel=1e-5)
    for state in states:
        assert torch.allclose(state.square().mean(-1), torch.ones(2, 32), atol=1e-3)


@pytest.mark.slow
def test_populations_train_as_trials_by_themselves(recipe: Recipe) -> None:
    factory = ProxyFactory(recipe)
    size = replace(factory.base, steps=12)
    trials = [Trial.of(factory, size, 0, {"lr": lr}) for lr in (0.03, 0.01)]
    joint = dict(train_population(trials))
    for i, trial in enumerate(trials):
        assert joint[i].loss == pytest.approx(train_trial(trial).loss, rel=1e-4)


@pytest.mark.slow
def test_its_check_passes_and_names_matrices_whose_rule_is_left_out(recipe: Recipe) -> None:
    request = width_request(recipe, (64, 128, 256), None)
    assert run_width_check(request).passed
    matrices = [name for name, e in request.expected.items() if e.role == "hidden"]
    report = run_width_check(with_lr(request, matrices, 0.5))  # one rate at every width
    assert {t.name for t in report.tensors if t.verdict == "fail"} == set(matrices)
