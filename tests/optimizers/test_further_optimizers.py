"""Optimizers of other packages, and Sophia: single steps by hand, trials, and populations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.optimizers.protocol import GroupHyperparameters, optimizer_spec
from mutransfer_cli.optimizers.sophia import Sophia
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train import single_trial
from mutransfer_cli.train.population.equivalence import unsafe_reason
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import SingleModel, train_trial
from mutransfer_cli.train.torch_optimizers import evaluating
from tests.helpers.trials import small_recipe, trials_of

HYPERPARAMETERS = GroupHyperparameters(betas=(0.9, 0.95), eps=1e-9, momentum=0.0, nesterov=False)
SIZE = Size(32, 2, 8, 20)
SETTINGS = [{"lr": 0.003}, {"lr": 0.001}]
RATE = 0.01

double_precision = pytest.mark.usefixtures("double")


def stepped(name: str, start: Tensor, gradients: Sequence[Tensor]) -> tuple[nn.Parameter, Any]:
    """A parameter after these steps, and its optimizer."""
    spec = optimizer_spec(name)
    made: Any = spec.torch_class()
    p = nn.Parameter(start.clone())
    options = spec.group_options(HYPERPARAMETERS)
    optimizer = made([{"params": [p], "lr": RATE, "weight_decay": 0.0, **options}])
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
    return p, optimizer


def test_adopt_divides_by_the_second_moment_of_earlier_steps() -> None:
    """v = g1²; m = 0.1 clip(g2/|g1|, 2^1/4); the first step moves nothing (algorithm 2)."""
    first, second = torch.tensor([1.0, -2.0, 4.0]), torch.tensor([0.5, 2.0, 40.0])
    assert not stepped("adopt", torch.zeros(3), [first])[0].any()
    p, _ = stepped("adopt", torch.zeros(3), [first, second])
    assert p.tolist() == pytest.approx([-RATE * 0.1 * x for x in (0.5, 1.0, 2**0.25)])


@double_precision
def test_shampoo_makes_singular_values_equal() -> None:
    """L = t G Gᵀ, so L^-1/4 G R^-1/4 = U Vᵀ/√t; three steps add up to 1 + 1/√2 + 1/√3."""
    u, _ = torch.linalg.qr(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    v, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))
    gradient = (u * torch.tensor([8.0, 4.0, 2.0, 1.0])) @ v.T
    p, _ = stepped("shampoo", torch.zeros(6, 4), [gradient] * 3)
    assert torch.allclose(p, -RATE * (1 + 2**-0.5 + 3**-0.5) * u @ v.T, atol=1e-5)


@double_precision
def test_soap_makes_singular_values_equal_in_its_eigenbasis() -> None:
    """The first step finds the basis; in it every later entry is Adam's, of size 1."""
    u, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))
    v, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))
    gradient = (u * torch.tensor([8.0, 4.0, 2.0, 1.0])) @ v.T
    assert not stepped("soap", torch.zeros(4, 4), [gradient])[0].any()
    p, _ = stepped("soap", torch.zeros(4, 4), [gradient] * 3)
    assert torch.allclose(p, -2 * RATE * u @ v.T, atol=1e-5)


def test_schedule_free_evaluates_its_average() -> None:
    """Fast weights z_k = -k lr sign(g); their mean over 1..3 is -2 lr; gradients are taken at
    0.1 z_3 + 0.9 mean = -2.1 lr."""
    p, optimizer = stepped("schedulefree-adamw", torch.zeros(2), [torch.tensor([1.0, -3.0])] * 3)
    assert p.tolist() == pytest.approx([-2.1 * RATE, 2.1 * RATE])
    with evaluating([optimizer]):
        assert p.tolist() == pytest.approx([-2 * RATE, 2 * RATE])
    assert p.tolist() == pytest.approx([-2.1 * RATE, 2.1 * RATE])


def test_sophia_is_newton_where_its_clip_does_not_act() -> None:
    """Loss Σ a w²/2: g = a w, and u ⊙ H u = a for all signs u. So m = (1-β1) a w and
    h = (1-β2) a: the step is (1-β1) w / (γ (1-β2)), clipped at 1."""
    p = nn.Parameter(torch.tensor([0.1, -0.02, 5.0]))
    curvature = torch.tensor([1.0, 3.0, 2.0])
    optimizer = Sophia([p], lr=RATE, betas=(0.9, 0.5), weight_decay=0.2, gamma=1.0)
    assert optimizer.needs_graph
    start = p.detach().clone()
    with pytest.warns(UserWarning, match="create_graph=True"):
        (0.5 * curvature * p**2).sum().backward(create_graph=True)
    optimizer.step()
    expected = start * (1 - RATE * 0.2) - RATE * torch.tensor([0.1 * 0.1 / 0.5, -0.004, 1.0])
    assert torch.allclose(p.detach(), expected)
    assert not optimizer.needs_graph  # for nine steps
    assert p.grad is not None and not p.grad.requires_grad


def test_sophia_without_a_graph_takes_signs() -> None:
    p = nn.Parameter(torch.tensor([0.1, -0.02]))
    optimizer = Sophia([p], lr=RATE)
    p.grad = torch.tensor([3.0, -0.1])
    optimizer.step()
    assert torch.allclose(p.detach(), torch.tensor([0.1 - RATE, -0.02 + RATE]))


@pytest.mark.parametrize("name", ["radam", "adopt", "schedulefree-adamw", "sophia", "shampoo"])
def test_trials_learn_and_populations_train_alike(name: str) -> None:
    trials = trials_of(small_recipe("mlp", name), SIZE, SETTINGS)
    single = [train_trial(trial) for trial in trials]
    (untrained,) = SingleModel(trials[0]).initial_losses()
    assert single[0].loss is not None and single[0].loss < 0.8 * untrained
    if name == "sophia":  # has no second derivatives there
        assert "needs second derivatives" in str(unsafe_reason(trials, "cpu"))
        return
    joint = dict(train_population(trials))
    for i, result in enumerate(single):
        assert joint[i].loss == pytest.approx(result.loss, rel=1e-4)


def test_soap_trains_a_trial() -> None:
    (trial,) = trials_of(small_recipe("mlp", "soap"), SIZE, SETTINGS[:1])
    result = train_trial(trial)
    (untrained,) = SingleModel(trial).initial_losses()
    assert result.loss is not None and result.loss < 0.8 * untrained


def test_the_loop_evaluates_the_average(monkeypatch: pytest.MonkeyPatch) -> None:
    (free,) = trials_of(small_recipe("mlp", "schedulefree-adamw"), SIZE, SETTINGS[:1])
    model = SingleModel(free)
    for step in range(10):
        model.step(step)
    before = {name: w.clone() for name, w in model.weights().items()}
    (averaged,) = model.validation_losses()
    assert all(torch.allclose(w, before[name]) for name, w in model.weights().items())
    # the control: the weights at which gradients are taken have another loss
    monkeypatch.setattr(single_trial, "evaluating", lambda optimizers: nullcontext())
    (interpolated,) = model.validation_losses()
    assert interpolated != pytest.approx(averaged, rel=1e-4)


def test_sophias_estimate_reaches_its_steps() -> None:
    (trial,) = trials_of(small_recipe("mlp", "sophia"), SIZE, SETTINGS[:1])
    model = SingleModel(trial)
    model.step(0)
    states = model.subject.optimizer.state.values()
    assert all(bool(state["hessian"].any()) for state in states)


def test_defaults_that_depend_on_the_optimizer() -> None:
    text = "name: t\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 4, d_out: 2}\n"
    text += "base: {width: 32, depth: 2, batch: 4, steps: 8}\noptimizer: {name: %s}\n"
    free = loads(text % "schedulefree-adamw").recipe
    assert (free.schedule.name, free.schedule.warmup) == ("constant", 0.1)
    assert (
        loads(text % "schedulefree-adamw" + "schedule: {name: wsd}").recipe.schedule.name == "wsd"
    )
    assert loads(text % "adamw").recipe.schedule.name == "linear"
    assert loads(text % "soap").recipe.optimizer.eps == 1e-6
    assert loads(text % "soap, eps: 1.0e-9").recipe.optimizer.eps == 1e-9
