"""Entanglement planted in response surfaces, and that of the width under two parameterizations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.fit.study_fit import fit_study
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
    return judge(fit_study(runs, confidence=0.9).document())


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


RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adam, lr: 0.01}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 32, depth: 2, batch: 64, steps: 80}
ladder: {width: [32, 64, 128, 256]}
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
