"""Verdicts along the depth, on power laws made up for the purpose."""

from __future__ import annotations

from math import nan

import pytest

from mutransfer_cli.coordcheck.measure.depth_training import (
    ATTENTION,
    CHANGE,
    STREAM,
    DepthMeasurement,
)
from mutransfer_cli.coordcheck.verdict.depth_expectation import DepthExpectation
from mutransfer_cli.coordcheck.verdict.depth_verdict import (
    fit_depth_slope,
    fit_network,
    network_faults,
    overall_verdict,
    regime_of,
    tensor_reports,
)
from mutransfer_cli.documents.check import ControlReport
from mutransfer_cli.tracing.blocks import Blocks

DEPTHS = (2, 4, 8, 16)
BLOCKS = Blocks({"blocks": 2}, frozenset({"blocks.0.a", "blocks.1.a", "stem"}))
SEEN = ControlReport(what="lr × depth", verdict="fail")


def measured(shares: dict[str, float] | None = None, **powers: float) -> list[DepthMeasurement]:
    """Two seeds at four depths; every quantity is a power of the depth."""
    names = {"stream": STREAM, "change": CHANGE, "attention": ATTENTION}
    return [
        DepthMeasurement(
            depth,
            {names[key]: (1 + seed) * depth**power for key, power in powers.items()},
            {name: depth**power for name, power in (shares or {}).items()},
        )
        for depth in DEPTHS
        for seed in (0, 1)
    ]


def findings(alpha: float = 1.0, **powers: float) -> list[str]:
    return [
        f.finding for f in network_faults(fit_network(measured(**powers)), DepthExpectation(alpha))
    ]


@pytest.mark.parametrize(
    ("powers", "alpha", "found"),
    [
        ({"stream": 0.0, "change": 0.0, "attention": 0.0}, 1.0, []),
        ({"stream": 0.5, "change": 0.5}, 1.0, ["residual-scale"]),  # it changes by a constant share
        ({"stream": -0.5, "change": 0.0}, 1.0, []),  # a stream without a stem
        ({"stream": -1.0, "change": 0.0}, 1.0, ["residual-scale"]),
        ({"stream": 0.0, "change": 1.0}, 1.0, ["residual-scale"]),
        ({"stream": 0.0, "change": -0.5}, 1.0, ["residual-scale"]),
        ({"stream": 0.0, "attention": -0.5}, 1.0, ["lazy"]),
        ({"stream": 0.0, "attention": -0.5}, 0.5, []),  # alpha 1/2: depth^(alpha - 1) by design
        ({"stream": 0.0, "attention": 0.5}, 1.0, ["residual-scale"]),
        ({"stream": 0.0, "attention": 0.0}, 0.5, ["residual-scale"]),
    ],
)
def test_what_should_not_depend_on_the_depth(
    powers: dict[str, float], alpha: float, found: list[str]
) -> None:
    assert findings(alpha, **powers) == found


def test_a_slope_over_all_depths_and_over_the_deeper_half() -> None:
    """Constant up to 4, then doubling with the depth: from 4 to 16 the slope is 1."""
    measurements = [DepthMeasurement(d, {STREAM: max(1.0, d / 4)}) for d in DEPTHS]
    slope = fit_depth_slope(measurements, lambda m: m.network[STREAM])
    assert slope is not None
    assert slope.deep == pytest.approx(1.0)
    # by least squares on x = 1..4, y = 0, 0, 1, 2: Σ(x - 2.5)·y / Σ(x - 2.5)² = 3.5 / 5
    assert slope.all.value == pytest.approx(0.7)
    assert fit_depth_slope(measurements, lambda m: 0.0) is None


def test_the_share_of_a_tensor_in_the_decrease_of_the_loss() -> None:
    measurements = measured({"blocks.*.a": 1.0, "stem": 0.0}, stream=0.0)
    inside, stem = tensor_reports(measurements, 0.0, 8.0, BLOCKS)
    assert (inside.verdict, inside.finding, inside.role) == ("fail", "lr-too-large", "in a block")
    assert "of all blocks in sum is 8 times too large" in str(inside.message)
    assert "divide it by m" in str(inside.fix)
    assert (stem.verdict, stem.finding, stem.role) == ("pass", None, "outside the blocks")


def test_behind_a_norm_a_share_may_follow_the_stream() -> None:
    measurements = measured({"blocks.*.a": 0.5})
    assert tensor_reports(measurements, -0.5, 8.0, BLOCKS)[0].verdict == "pass"
    assert tensor_reports(measurements, 0.0, 8.0, BLOCKS)[0].verdict == "fail"


def test_a_tensor_that_does_not_move_somewhere() -> None:
    measurements = measured({"stem": 0.0})
    measurements[3].shares["stem"] = 0.0
    (found,) = tensor_reports(measurements, 0.0, 8.0, BLOCKS)
    assert (found.verdict, found.finding) == ("fail", "not-trained")


def test_the_regime() -> None:
    for power, regime in ((0.0, "feature-learning"), (-0.5, "lazy")):
        measurements = measured(attention=power)
        assert regime_of(measurements, fit_network(measurements)) == regime
    plain = measured(stream=0.0)
    assert regime_of(plain, fit_network(plain)) is None
    plain[0].finite = False
    assert regime_of(plain, fit_network(plain)) == "unstable"


def test_the_verdict_on_the_whole() -> None:
    def verdict(
        measurements: list[DepthMeasurement], control: ControlReport = SEEN
    ) -> tuple[str, str]:
        tensors = tensor_reports(measurements, 0.0, 8.0, BLOCKS)
        faults = network_faults(fit_network(measurements))
        return overall_verdict(measurements, tensors, faults, control)

    good = {"blocks.*.a": 0.0, "stem": 0.0}
    assert verdict(measured(good, stream=0.0))[0] == "pass"
    found, reason = verdict(measured({**good, "stem": 1.0}, stream=0.0))
    assert found == "fail" and "the effect of 1 of 2 kinds of tensor" in reason
    found, reason = verdict(measured(good, stream=1.0))
    assert found == "fail" and reason.startswith("residual-scale")
    blind = ControlReport(what="lr × depth", verdict="pass")
    found, reason = verdict(measured(good, stream=0.0), blind)
    assert found == "inconclusive" and "lr × depth" in reason
    broken = measured(good, stream=0.0)
    broken[-1].finite = False
    broken[-1].network[STREAM] = nan
    assert verdict(broken) == ("fail", "the loss is not finite after a few steps")
