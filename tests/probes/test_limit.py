"""The limit probe: planted errors, and a small ladder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.axis_verdict import judge
from mutransfer_cli.probes.limit import STEP, VECTORS
from mutransfer_cli.probes.probe_run import run_probe
from mutransfer_cli.probes.subject.trained_run import SHARES
from mutransfer_cli.surface.limits import limit_of

RECIPE = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adamw, lr: 0.02, weight_decay: 0.0}
data: {source: teacher, d_in: 16, d_out: 4}
base: {width: 16, depth: 1, batch: 32, steps: 40}
ladder: {width: [16, 32, 64, 160]}
"""

SIZES = (16.0, 32.0, 64.0, 160.0)
# error of the base along an axis by 1/size, noise of a seed; the verdicts that are not wrong
CASES: list[tuple[float, float, tuple[str, ...]]] = [
    (0.3, 0.002, ("pass",)),
    (0.1, 0.005, ("pass",)),
    (0.05, 0.001, ("pass",)),
    (0.0, 0.002, ("pass",)),
    (0.002, 0.002, ("pass",)),
    (-0.3, 0.002, ("fail",)),
    (-0.1, 0.005, ("fail",)),
    (-0.05, 0.001, ("fail",)),
    (0.0, 0.1, ("inconclusive", "pass")),
    (-0.02, 0.1, ("inconclusive", "fail")),
]


def test_ten_known_cases() -> None:
    """The sign of the error is never wrong; at least eight are decided. The loss is 1."""
    decided = 0
    for i, (error, noise, right) in enumerate(CASES):
        rng = np.random.default_rng(i)
        mean = 1 + error * SIZES[0] / np.array(SIZES)
        fit = limit_of(SIZES, mean[:, None] + noise * rng.normal(size=(4, 5)))
        verdict, reason, _ = judge({"width": fit.errors[0]}, 1.0)
        assert verdict in right, (error, noise, reason)
        decided += verdict != "inconclusive"
    assert decided >= 8


def test_an_axis_is_not_called_the_coarsest_while_intervals_overlap() -> None:
    """Of .15 (.11 to .18) and .19 (.13 to .25) nobody knows which is larger."""
    errors = {
        "width": Interval(value=0.19, low=0.13, high=0.25),
        "step": Interval(value=0.15, low=0.11, high=0.18),
    }
    assert "seems to be the width, with an interval that overlaps" in judge(errors, 1.0)[1]
    apart = {**errors, "step": Interval(value=0.1, low=0.08, high=0.12)}
    assert "overlap" not in judge(apart, 1.0)[1]


def test_the_coarsest_axis_is_named() -> None:
    errors = {
        "width": Interval(value=0.05, low=0.04, high=0.06),
        "depth": Interval(value=0.2, low=0.1, high=0.3),
    }
    verdict, reason, _ = judge(errors, 1.0)
    assert verdict == "pass" and reason.startswith("the coarsest axis is the depth")
    del errors["width"]  # nothing is the coarsest of one
    assert judge(errors, 1.0)[1].startswith("no axis but the depth was measured")
    verdict, reason, advice = judge(errors, 1.0, ["width"])  # there was no time for the width
    assert verdict == "inconclusive" and reason.startswith("the width was not measured")
    assert "--minutes" in advice and "add a ladder" not in advice  # the ladder has one


def test_a_ladder(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    document = run_probe("limit", str(path), minutes=0.5)
    errors = [m for m in document.measures if m.name == "discretization error"]
    assert {tuple(m.at) for m in errors} == {("width",), (STEP,)}
    by_width = {m.at["width"]: m.estimate.value for m in errors if "width" in m.at}
    assert by_width[16.0] == pytest.approx(2 * by_width[32.0])  # as 1/width
    assert document.verdict in ("pass", "inconclusive"), document.reason  # no width is too large
    assert not any("width: sizes span" in note for note in document.notes)
    assert {s.panel for s in document.series} == {
        f"{what} {axis}"
        for what in ("loss over the", "loss along training:")
        for axis in ("width", STEP)
    }
    along = [m for m in document.measures if m.name == "loss along training in the limit"]
    assert len(along) == 2 * len(SHARES) and all(m.estimate.low is not None for m in along)
    for name in VECTORS.values():
        by_axis = {m.at["axis"]: m.estimate.value for m in document.measures if m.name == name}
        assert set(by_axis) == {"width", STEP}
        assert 0 <= by_axis["width"] < 1  # a net of width 16 has learned most of what it will


def test_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE)
    with pytest.raises(InputError, match="loss is not finite"):
        run_probe(
            "limit",
            str(path),
            ("optimizer.name=sgd", "optimizer.lr=1e9", "model.args.activation=relu"),
        )
