"""AdamH and MuonH against the published step in float64, alone and in populations; their plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers import newton_schulz
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial_result import Result
from tests.helpers.trials import small_recipe, trials_of

RATE, STEPS = 0.05, 6
SIZE = Size(32, 2, 8, 20)
NAMES = ("adamh", "muonh")


def adam_updates(gradients: Sequence[Tensor]) -> list[Tensor]:
    """m̂ / (√v̂ + ε) of every step (Kingma and Ba 2015, algorithm 1)."""
    m, v, updates = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0]), []
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.95 * v + 0.05 * g * g
        updates.append(m / (1 - 0.9**t) / ((v / (1 - 0.95**t)).sqrt() + 1e-8))
    return updates


def muon_updates(gradients: Sequence[Tensor]) -> list[Tensor]:
    """Nesterov's momentum of Jordan et al., m ← μ m + g and g + μ m, then Newton-Schulz."""
    m, updates = torch.zeros_like(gradients[0]), []
    for g in gradients:
        m = 0.95 * m + g
        x = g + 0.95 * m
        x = x / x.norm()
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
        updates.append(x)
    return updates


UPDATES: dict[str, Callable[[Sequence[Tensor]], list[Tensor]]] = {
    "adamh": adam_updates,
    "muonh": muon_updates,
}


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("name", NAMES)
def test_the_step_is_the_published_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """W ← Norm(W - η Norm(u) ‖W0‖) ‖W0‖ (Wen et al., arXiv 2606.16899)."""
    monkeypatch.setattr(newton_schulz, "PRECISION", torch.float64)
    random = torch.Generator().manual_seed(0)
    start = torch.randn(6, 8, generator=random)
    gradients = [torch.randn(6, 8, generator=random) for _ in range(STEPS)]
    made: Any = optimizer_spec(name).torch_class()
    p = nn.Parameter(start.clone())
    optimizer = made([p], lr=RATE, weight_decay=0.3)  # which has no effect
    expected, bare = start, start
    for gradient, u in zip(gradients, UPDATES[name](gradients), strict=True):
        p.grad = gradient.clone()
        optimizer.step()
        moved = expected - RATE * u / u.norm() * start.norm()
        expected = moved / moved.norm() * start.norm()
        bare = bare - RATE * u / u.norm() * start.norm()
    assert torch.allclose(p.detach(), expected, atol=1e-12)
    assert float(p.detach().norm()) == pytest.approx(float(start.norm()), rel=1e-12)
    assert not torch.allclose(bare, expected, atol=1e-3)  # the control: without the projection


@pytest.mark.parametrize("name", NAMES)
def test_a_zero_gradient_moves_nothing(name: str) -> None:
    made: Any = optimizer_spec(name).torch_class()
    p = nn.Parameter(torch.eye(3))
    optimizer = made([p], lr=RATE)
    p.grad = torch.zeros(3, 3)
    optimizer.step()
    assert torch.allclose(p.detach(), torch.eye(3))


def early(result: Result) -> list[float]:
    """The losses of the first steps."""
    return [loss for _, loss in result.curve[:4]]


@pytest.mark.parametrize("model", ["mlp", "gpt"])
@pytest.mark.parametrize("name", NAMES)
def test_populations_train_as_trials_by_themselves(name: str, model: str) -> None:
    """Rates, betas and init differ by trial, and a trial is dropped on the way."""
    settings = [{"lr": 0.03, "init_std": 0.2}, {"lr": 0.01, "init_std": 0.1}, {"lr": 0.02}]
    trials = trials_of(small_recipe(model, name), SIZE, settings)
    single = [train_trial(trial) for trial in trials]
    joint = dict(train_population(trials))
    for i, result in enumerate(single):
        if name == "adamh":
            assert joint[i].loss == pytest.approx(result.loss, rel=1e-4)
        # muonh orthogonalizes in bfloat16, whose rounding grows from step to step
        assert early(joint[i]) == pytest.approx(early(result), rel=3e-2)
    assert early(single[0]) != pytest.approx(early(single[1]), rel=5e-2)  # they do differ


@pytest.mark.usefixtures("double")
def test_populations_in_double_precision() -> None:
    trials = trials_of(small_recipe("gpt", "adamh"), replace(SIZE, steps=10), [{"lr": 0.03}] * 2)
    joint = dict(train_population(trials))
    assert joint[0].loss == pytest.approx(train_trial(trials[0]).loss, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_norms_stay_in_a_population_that_shrinks(name: str) -> None:
    trials = trials_of(small_recipe("mlp", name), SIZE, [{"lr": 0.1}, {"lr": 0.2}])
    population = Population(trials)
    hidden = [t.name for t in trials[0].plan.tensors if t.optimizer == name]
    assert hidden == ["hidden.0.weight", "hidden.1.weight"]
    before = {n: w.clone() for n, w in population.weights().items()}
    population.step(0)
    population.select([1])
    population.step(1)
    for n, w in population.weights().items():
        growth = float(w[0].norm() / before[n][1].norm()) if before[n][1].any() else 0.0
        assert not torch.equal(w[0], before[n][1])
        assert (growth == pytest.approx(1, abs=1e-5)) is (n in hidden), n


def plan_of(name: str, width: int, steps: int = 100, rules: str = "", batch: int = 8) -> Plan:
    text = (
        "name: t\nmodel: {build: gpt, args: {head_dim: 16}}\n"
        "data: {source: stdlib, seq_len: 16}\n"
        "base: {width: 32, depth: 2, batch: 8, steps: 100}\n"
        f"optimizer: {{name: {name}, lr: 0.02, adamw_lr: 0.004}}\n{rules}"
    )
    factory = ProxyFactory(loads(text).recipe)
    return factory.plan(replace(factory.base, width=width, steps=steps, batch=batch))


@pytest.mark.parametrize(
    ("name", "rules", "exponent"),
    [
        # a sum over m inputs of entries of RMS m^-1/2: aligned m^1/2, so the rate falls like it
        ("adamh", "", -0.5),
        ("adamh", "rules: {alignment: none}\n", 0.0),
        ("adamh", "parameterization: sp\n", 0.0),  # the authors' one rate for all widths
        # singular values of RMS √max(out, in), so √(out/in) needs a constant rate
        ("muonh", "", 0.0),
    ],
)
def test_rates_over_the_width(name: str, rules: str, exponent: float) -> None:
    base, target = plan_of(name, 32, rules=rules), plan_of(name, 512, rules=rules)
    for tensor in target.tensors:
        before = base.tensor(tensor.name)
        if tensor.optimizer == name:
            assert tensor.role == "hidden"
            assert tensor.lr == pytest.approx(before.lr * 16**exponent)
            assert before.lr == 0.02 and tensor.weight_decay == 0.0
        else:
            assert tensor.optimizer == "adamw" and before.lr == 0.004


def test_rates_over_the_length() -> None:
    """Marin: √batch · tokens^-0.3 for matrices of fixed norm; the rest by the steps^-1/2."""
    rules = "rules: {horizon: fixed-norm}\n"
    base = plan_of("adamh", 32, rules=rules)
    longer = plan_of("adamh", 32, steps=1600, rules=rules)
    larger = plan_of("adamh", 32, batch=32, steps=25, rules=rules)  # as many tokens
    for tensor in base.tensors:
        fixed = tensor.optimizer == "adamh"
        ratio = longer.tensor(tensor.name).lr / tensor.lr
        assert ratio == pytest.approx(16**-0.3 if fixed else 16**-0.5)
        assert larger.tensor(tensor.name).lr / tensor.lr == pytest.approx(2.0)
    by_steps = plan_of("adamh", 32, steps=1600)  # the control
    assert {t.lr / base.tensor(t.name).lr for t in by_steps.tensors} == {0.25}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimizer: {name: adamh, weight_decay: 0.1}", "so a decay has no effect: expected 0"),
        ("init: {zero: ['blocks.*.attention.qkv.weight']}", "keeps its norm: it could never move"),
    ],
)
def test_what_could_have_no_effect_is_refused(change: str, message: str) -> None:
    text = (
        "name: t\nmodel: {build: gpt, args: {head_dim: 16}}\n"
        "data: {source: stdlib, seq_len: 16}\nbase: {width: 32, depth: 2, batch: 8, steps: 100}\n"
    )
    text += change if "optimizer" in change else f"optimizer: {{name: adamh}}\n{change}"
    factory = ProxyFactory(loads(text).recipe)
    with pytest.raises(InputError, match=message):
        factory.plan(factory.base)
