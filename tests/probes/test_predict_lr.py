"""Estimates of the best learning rate: parts by hand, and a recipe that was not calibrated on."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2
from pathlib import Path

import pytest
import torch
from torch import nn

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.probes.predict_lr import (
    CRITICAL,
    STABILITY,
    Calibration,
    calibrated,
    edge_multiples,
    minimum,
)
from mutransfer_cli.probes.probe_run import run_probe
from mutransfer_cli.probes.subject.trainee import Trainee
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
        (short,) = [m for m in document.measures if m.at["estimator"] == "short runs"]
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
