"""Universality of planted representations, and of a small ladder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes import universality
from mutransfer_cli.probes.probe_run import ProbeResult, run_probe
from mutransfer_cli.probes.universality import Key, Learned, compared

WIDTHS, SEEDS = (16, 64, 256), (0, 1, 2, 3, 4, 5)


def planted(other: int | None = None) -> ProbeResult:
    """Every model sees two directions of the data; noise falls with the width."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(200, 2))
    unrelated = rng.normal(size=(200, 2))
    learned: dict[Key, Learned] = {}
    for width in WIDTHS:
        for seed in SEEDS:
            source = unrelated if width == other else data
            mixing = rng.normal(size=(2, width)) / width**0.5
            noise = rng.normal(size=(200, width)) / width
            learned[(width, seed)] = (source @ mixing + noise, source @ np.eye(2, 3))
    return compared(learned, WIDTHS, SEEDS, 0.95)


def test_widths_that_see_the_same_pass_though_narrow_ones_are_noisy() -> None:
    result = planted()
    assert result.verdict == "pass", result.reason
    seeds = {m.at["width"]: m.estimate.value for m in result.measures if m.name == "CKA of seeds"}
    assert seeds[16] < seeds[256]  # and yet across widths there is no more than noise
    (growth,) = [m for m in result.measures if m.name.startswith("growth of CKA")]
    assert growth.estimate.value > 0


def test_a_width_that_sees_something_else_is_named() -> None:
    result = planted(other=16)
    assert result.verdict == "fail" and result.reason.startswith("width 16 learns something else")


RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adamw, lr: 0.02, weight_decay: 0.0}
data: {source: teacher, d_in: 8, d_out: 4}
base: {width: 32, depth: 1, batch: 64, steps: 60}
ladder: {width: [32, 128]}
"""


def test_a_ladder(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    document = run_probe("universality", str(path), minutes=5.0)
    assert document.verdict in ("pass", "inconclusive"), document.reason
    agreement = [m for m in document.measures if m.name == "agreement of predictions of seeds"]
    assert all(0.5 < m.estimate.value <= 1 for m in agreement)  # of four classes
    others = [m for m in document.measures if m.name.endswith("across parameterizations")]
    assert {"ntk", "sp"} <= {m.at["with"] for m in others if m.at["width"] == 128}
    assert "mup" not in {m.at["with"] for m in others}
    assert all(m.estimate.low is not None for m in others)
    assert any("parameterization umup is left out" in note for note in document.notes)
    with pytest.raises(InputError, match="at least 2 widths, found 1"):
        run_probe("universality", str(path), ("ladder.width=[32]",))


@pytest.mark.parametrize(("verdict", "looks"), [("pass", [6, 6]), ("inconclusive", [6, 12])])
def test_seeds_are_doubled_while_they_do_not_decide(
    verdict: Any, looks: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six decide or twelve, and advice does not ask for seeds that it cannot take."""
    counted = []

    def counting(learned: Any, widths: Any, seeds: Any, *rest: Any) -> ProbeResult:
        counted.append(len(seeds))
        advice = universality.UNDECIDED_ADVICE if verdict == "inconclusive" else None
        return replace(compared(learned, widths, seeds, *rest), verdict=verdict, advice=advice)

    monkeypatch.setattr(universality, "compared", counting)
    monkeypatch.setattr(universality, "_other_parameterizations", lambda *_: [])
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.replace("steps: 60", "steps: 4").replace("128]", "64]"))
    document = run_probe("universality", str(path), minutes=5.0)
    assert counted == looks
    exhausted = universality.EXHAUSTED_ADVICE if verdict == "inconclusive" else None
    assert document.advice == exhausted
