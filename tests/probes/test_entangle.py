"""Entanglement planted in response surfaces, and that of the width under two parameterizations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.entangle import judge
from mutransfer_cli.probes.probe_run import ProbeResult, run_probe
from mutransfer_cli.recipe.load import load
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.surface.observation import Observation

# correlation of the curvature of lr and weight decay, octaves of lr's drift per doubling of the
# width, noise of a run; the verdicts that are not wrong, the first of them right
CASES: list[tuple[float, float, float, tuple[str, ...]]] = [
    (0.0, 0.0, 2e-4, ("pass", "inconclusive")),
    (0.1, 0.0, 2e-4, ("pass", "inconclusive")),
    (0.0, 0.05, 2e-4, ("pass", "inconclusive")),
    (-0.1, -0.05, 1e-3, ("pass", "inconclusive")),
    (0.7, 0.0, 2e-4, ("fail",)),
    (-0.7, 0.0, 1e-3, ("fail",)),
    (0.5, 0.0, 2e-4, ("fail",)),
    (0.0, -1.0, 2e-4, ("fail",)),
    (0.0, 0.6, 1e-3, ("fail",)),
    (0.0, 0.0, 0.1, ("inconclusive", "pass")),
]


def planted(correlation: float, drift: float, noise: float, seed: int) -> ProbeResult:
    """Log losses ½ a (x² + y² + 2ρxy) about an optimum that drifts with the width."""
    rng = np.random.default_rng(seed)
    runs = []
    for z, width in enumerate((32, 64, 128, 256)):
        for x in range(-2, 3):
            for y in range(-2, 3):
                u, v = x - drift * (z - 1.5), float(y)
                log = 0.02 / 2 * (u * u + v * v + 2 * correlation * u * v) - 0.1 * z
                loss = 2 * float(np.exp(log + noise * rng.normal()))
                runs.append(
                    Observation(
                        width, 2.0 ** (x - 8), 0, loss, params={"weight_decay": 2.0 ** (y - 5)}
                    )
                )
    return judge(fit_study(runs, confidence=0.95))


def test_ten_known_cases() -> None:
    """None wrong, at least eight decided; what moves with what is named."""
    decided = 0
    for i, (correlation, drift, noise, right) in enumerate(CASES):
        result = planted(correlation, drift, noise, seed=i)
        assert result.verdict in right, (correlation, drift, noise, result.reason)
        decided += result.verdict != "inconclusive"
        if result.verdict == "fail":
            assert ("lr with weight_decay" in result.reason) == (abs(correlation) > 0.3)
            assert ("lr with width" in result.reason) == (abs(drift) > 0.3)
    assert decided >= 8


def cost(result: ProbeResult, name: str, hyperparameter: str) -> Interval:
    """A cost that the probe states, as a share of the loss."""
    (found,) = [
        m.estimate
        for m in result.measures
        if m.name.startswith(name) and m.at["hyperparameter"] == hyperparameter
    ]
    return found


@pytest.mark.parametrize(("correlation", "drift"), [(0.5, 0.0), (0.0, -1.0)])
def test_what_tuning_one_costs(correlation: float, drift: float) -> None:
    """By hand: weight decay an octave off moves the best lr by ρ octaves, ½ · 0.02 · ρ² of ln L.

    From width 32 to 256 the best lr moves by three octaves per octave of drift.
    """
    result = planted(correlation, drift, 2e-4, seed=3)
    for name in ("lr", "weight_decay"):
        expected, found = 0.01 * correlation**2, cost(result, "extra loss of tuning it", name)
        assert found.low is not None and found.high is not None
        assert found.low <= expected + 1e-6 and expected <= found.high
        assert found.value == pytest.approx(expected, rel=0.15, abs=2e-5)
    expected = float(np.expm1(0.01 * (3 * drift) ** 2))
    at_largest = "extra loss, at the largest"
    assert cost(result, at_largest, "lr").value == pytest.approx(expected, rel=0.05, abs=2e-4)
    assert cost(result, at_largest, "weight_decay").value < 2e-4  # the control


def test_what_to_do() -> None:
    """Two that are entangled are searched at once where tuning one costs more than is tolerated."""
    dear = planted(0.9, 0.0, 2e-4, seed=0)  # 0.8 % of the loss
    assert dear.advice is not None and "search lr and weight_decay at once" in dear.advice
    free = planted(0.0, 0.0, 2e-4, seed=0)
    assert free.advice is not None and ", then " in free.advice and "at once" not in free.advice
    moving = planted(0.0, -1.0, 2e-4, seed=0)
    assert moving.advice is not None and "best lr changes with the width" in moving.advice
    panels = {s.panel: s for s in moving.series}
    y = panels["optimum of lr over the width"].y
    assert y[-1] - y[0] == pytest.approx(-3, abs=0.1)


RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adam, lr: 0.01}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 32, depth: 2, batch: 64, steps: 80}
ladder: {width: [32, 64, 128, 256, 512]}
search: {seeds: 2, extend: 4, space: {lr: {log2: [-10, -4], step: 0.5}}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("parameterization", "verdicts"), [("mup", {"pass"}), ("sp", {"fail"})])
def test_learning_rate_and_width(parameterization: str, verdicts: set[str], tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    sweep(load(path, [f"parameterization={parameterization}"]), tmp_path / "run")
    document = run_probe("entangle", str(tmp_path / "run"))
    assert document.verdict in verdicts, document.reason
