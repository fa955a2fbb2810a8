"""Estimates of the best learning rate: parts by hand, and a recipe that was not calibrated on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log2
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mutransfer_cli.interval import Interval
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.probes.estimates.best_rate import bracket, minimum
from mutransfer_cli.probes.estimates.calibration import Calibration, calibrated
from mutransfer_cli.probes.predict_lr import CALIBRATION, judged
from mutransfer_cli.probes.probe_run import run_probe
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.probes.trained_rates import CRITICAL, SHORT, STABILITY, edge_multiples
from mutransfer_cli.recipe.load import load
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.trial import Trial

RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adamw, lr: LR, weight_decay: 0.0}
schedule: {name: cosine, warmup: 0.1}
data: {source: teacher, d_in: 24, d_out: 6}
base: {width: 24, depth: 1, batch: 32, steps: 150}
ladder: {width: [24, 48]}
"""


def test_the_vertex_of_a_parabola() -> None:
    """(log2 lr + 3.3)²: -3.3, though -3 is the best of the grid."""
    losses = {2.0**x: (x + 3.3) ** 2 for x in (-6, -5, -4, -3, -2)}
    assert log2(minimum(losses)) == pytest.approx(-3.3)
    assert log2(minimum({2.0**x: -x for x in (-3, -2, -1)})) == -1  # at the end of the range


def test_a_calibration_by_hand() -> None:
    """Offset -1; ±2.132 (t of 4 degrees of freedom at 95 %) × 0.5 × √1.2."""
    found = calibrated(2.0**-4, Calibration(-1.0, 0.5, 5), 0.9)
    assert log2(found.value) == pytest.approx(-5)
    assert found.low is not None
    assert log2(found.low) == pytest.approx(-5 - 2.1318 * 0.5 * 1.2**0.5, abs=1e-3)


@pytest.mark.parametrize(("differences", "closed"), [((1, 2, 3), True), ((-1, 2, 5), False)])
def test_a_rate_is_worse_where_seeds_agree(differences: tuple[float, ...], closed: bool) -> None:
    """Mean 2 in both; 1.886 (t of 2 degrees of freedom at 90 %) × 1/√3 = 1.09, × 3/√3 = 3.27.

    A side on which no rate is certainly worse is open, and is not decided.
    """
    apart = np.array(differences)
    losses = {1.0: np.zeros(3), 0.5: apart, 2.0: apart}
    estimate = Interval(value=1.0, low=0.5, high=2.0)
    found = bracket(lambda rate: losses.get(rate, apart).tolist(), estimate)
    assert (found.low, found.high) == ((0.5, 2.0) if closed else (None, None))
    verdict, reason, advice = judged(SHORT, estimate, found, thorough=True)
    assert (verdict == "pass") == closed
    assert ("differ by less than seeds do" in reason) != closed and "sweep lr over" in advice
    one_side = replace(found, low=None, high=2.0)
    assert judged(SHORT, estimate, one_side, thorough=True)[1].endswith("tell only: below 2^1.0")
    beyond = replace(found, low=1.5, high=None)  # the control: the estimate is on the other side
    assert "though not by" in judged(SHORT, estimate, beyond, thorough=True)[1]


def quadratic(rate: float) -> Trainee:
    """½·4·w² under gradient descent: steps are unstable, and raise the loss, above 2/4."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    loss = lambda m, batch: 2 * m.weight.square().sum()  # noqa: E731  # short

    def step(i: int) -> float:
        optimizer.zero_grad()
        value = loss(model, None)
        value.backward()
        optimizer.step()
        return float(value.detach())

    return Trainee(model, optimizer, loss, lambda i: torch.zeros(1, 1), step, 100, {})


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_multiples_to_the_edge_of_a_quadratic(rate: float) -> None:
    found = edge_multiples(quadratic(rate))
    assert rate * found[STABILITY] == pytest.approx(0.5, rel=1e-3)
    assert rate * found[CRITICAL] == pytest.approx(0.5, rel=0.1)


def best_rate(path: Path) -> float:
    factory = ProxyFactory(load(path, []).recipe)
    keys = [(2.0**x, seed) for x in range(-9, -2) for seed in (0, 1)]
    trials = [Trial.of(factory, factory.base, seed, {"lr": rate}) for rate, seed in keys]
    losses: dict[float, float] = {}
    for i, result in train_population(trials):
        assert result.loss is not None
        losses[keys[i][0]] = losses.get(keys[i][0], 0.0) + result.loss
    return log2(minimum(losses))


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("LR", "0.01"))
    yield path


def test_within_an_octave_wherever_the_recipe_starts(recipe: Path) -> None:
    best = best_rate(recipe)
    for rate in ("0.002", "0.05"):
        recipe.write_text(RECIPE.replace("LR", rate))
        document = run_probe("predict-lr", str(recipe))
        assert document.verdict == "pass", document.reason
        (short,) = [m for m in document.measures if m.at.get("estimator") == "short runs"]
        assert abs(log2(short.estimate.value) - best) < 1, (rate, document.reason, best)
        assert short.estimate.low is not None and short.estimate.high is not None
        assert short.estimate.low < 2**best < short.estimate.high


CALLABLE = """
import torch
from torch import nn
from mutransfer_cli import Subject
def build(width):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1))
    def batch(seed):
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(seed))
        return x, x[:, :1]
    loss = lambda m, b: ((m(b[0]) - b[1]) ** 2).mean()
    return Subject(model, torch.optim.SGD(model.parameters(), lr=0.05), loss, batch)
"""


def test_a_callable_has_curvature_only_and_is_not_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_rated.py").write_text(CALLABLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    document = run_probe("predict-lr", "mine_rated:build")
    assert document.verdict == "inconclusive"
    assert {m.at["estimator"] for m in document.measures} == {STABILITY, CRITICAL}
    assert document.series == ()  # no axes without a curve


REGRESSION = """
import torch
from torch import nn
from mutransfer_cli import Subject
TRUTH = torch.ones(5, 1)
class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(5, 1))
        self.unused = nn.Parameter(torch.zeros(width), requires_grad=False)
    def forward(self, x):
        return x @ self.w
def build(width, noise):
    def batch(seed):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(100, 5, generator=generator)
        return x, x @ TRUTH + noise * torch.randn(100, 1, generator=generator)
    loss = lambda m, b: ((m(b[0]) - b[1]) ** 2).mean() / 2
    return Subject(Model(width), loss=loss, batch=batch)
"""
REGRESSED = """
name: regression
model: {build: "REGRESSION:build", args: {noise: NOISE}}
parameterization: sp
optimizer: {name: sgd, lr: 0.1}
schedule: {name: constant, warmup: 0.0}
data: {source: digits}
base: {width: 8, depth: 1, batch: 100, steps: STEPS}
ladder: {width: [8, 16]}
"""


def best_of_regression(noise: float, steps: int) -> float:
    """The rate of lowest mean |w - w*|² after so many steps of batches of B normal inputs.

    With E[xxᵀ] = 1 and E[x xᵀx xᵀ] = (d + 2), a step multiplies it by (1 - η)² + η²(d + 1)/B and
    adds η² noise² d/B; it is 5 at init.
    """
    rates = 2.0 ** np.arange(-9, 1, 0.01)
    distance = np.full_like(rates, 5.0)
    for _ in range(steps):
        shrunk = (1 - rates) ** 2 + rates**2 * 6 / 100
        distance = shrunk * distance + rates**2 * noise**2 * 5 / 100
    return float(rates[np.argmin(distance)])


@pytest.mark.parametrize(("noise", "steps"), [(0.0, 20), (3.0, 60)])
def test_a_linear_regression(
    noise: float, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With label noise the best rate is about log(T)/T, at other multiples of a short run's.

    The calibrated interval may miss it; with runs of all steps it must hold it.
    """
    (tmp_path / f"regressed{steps}.py").write_text(REGRESSION)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = REGRESSED.replace("NOISE", str(noise)).replace("STEPS", str(steps))
    path = tmp_path / "r.yaml"
    path.write_text(text.replace("REGRESSION", f"regressed{steps}"))
    document = run_probe("predict-lr", str(path))
    (found,) = [m.estimate for m in document.measures if m.name == "best learning rate"]
    best = best_of_regression(noise, steps)
    assert found.low is not None and found.high is not None
    assert found.low < best < found.high, document.reason


def bowl(rate: float, steps: int, noise: float) -> float:
    """Mean loss ½m after steps on ½w² from w = 1: m ← (1 - η)² m + η² noise."""
    m = 1.0
    for _ in range(steps):
        m = (1 - rate) ** 2 * m + rate**2 * noise
    return m / 2


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.01, 1.0])
@pytest.mark.parametrize("steps", [50, 200, 1000])
def test_runs_of_all_steps_show_where_the_calibration_does_not_hold(
    noise: float, steps: int
) -> None:
    """The best rate is between the ends that are reported."""
    grid = [2.0 ** (k / 8) for k in range(-80, 9)]
    best = min(grid, key=lambda rate: bowl(rate, steps, noise))
    short = {2.0**k: bowl(2.0**k, steps // 10, noise) for k in range(-10, 1)}
    estimate = calibrated(minimum(short), CALIBRATION[SHORT], 0.95)
    found = bracket(lambda rate: [bowl(rate, steps, noise)], estimate)
    verdict, reason, _ = judged(SHORT, estimate, found, thorough=True)
    assert (found.low or 0.0) <= best <= (found.high or 3.0), reason
    if noise == 1e-4 and steps > 50:  # the control: the calibration by itself would be wrong
        assert "short runs alone" in reason and estimate.low is not None and best < estimate.low
        assert verdict == "inconclusive"
