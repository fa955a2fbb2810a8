"""The regime, and passes beside it, from measurements made up for the purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.regime import (
    hidden_updates,
    regime_at,
    regime_fault,
    regime_of,
    regime_remark,
)
from mutransfer_cli.coordcheck.verdict.width_verdict import overall_verdict
from mutransfer_cli.documents.check import AspectVerdict, ControlReport, TensorReport, Verdict

HIDDEN = Expectation("hidden", update=0.0, init=0.0, decay=0.0)


def report(name: str, verdict: AspectVerdict) -> TensorReport:
    return TensorReport(
        name=name, role="hidden", verdict=verdict, finding=None, message=None, fix=None,
        update_slope=None, init_slope=None, decay_slope=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("slope", "regime"),
    [(0.0, "feature-learning"), (-0.5, "lazy"), (0.5, "unstable"), (0.2, "feature-learning")],
)
def test_the_regime_is_that_of_the_hidden_layers(slope: float, regime: str) -> None:
    measurements = [
        Measurement(n, changes={"h": float(n) ** slope, "r": float(n)}) for n in (64, 128, 256)
    ]
    expected = {"h.weight": HIDDEN, "r.weight": replace(HIDDEN, role="readout")}
    assert regime_of(expected, measurements) == regime
    assert regime_of({"r.weight": replace(HIDDEN, role="readout")}, measurements) is None


@given(
    verdicts=st.lists(
        st.sampled_from(["not judged", "pass", "warn", "inconclusive", "fail"]), max_size=4
    ),
    slope=st.floats(-3, 3),
    control=st.sampled_from(["pass", "fail"]),
    strict=st.booleans(),
    expected=st.sampled_from([-0.5, 0.0, 0.5, 1.0]),
)
def test_no_pass_beside_a_regime_that_theory_does_not_have(
    verdicts: list[AspectVerdict], slope: float, control: Verdict, strict: bool, expected: float
) -> None:
    """Whatever was measured: a pass implies the regime that the parameterization predicts."""
    regime = regime_at(slope)
    theory = {"h.weight": replace(HIDDEN, update=expected)}
    tensors = [report(str(i), v) for i, v in enumerate(verdicts)]
    seen = ControlReport(what="lr × width", verdict=control)
    fault = regime_fault(regime, theory, "mup")
    remark = regime_remark(regime, hidden_updates(theory), "mup")
    verdict, reason = overall_verdict(tensors, seen, (), "mup", strict, fault, regime_remark=remark)
    if verdict == "pass":
        assert regime in {"feature-learning", regime_at(expected)}
        assert any(v != "not judged" for v in verdicts)
        named = f"(regime: {regime})" in reason
        assert named == (regime != "feature-learning")  # never a bare pass
    if regime != "feature-learning" and expected == 0.0:
        assert verdict != "pass" and reason


def test_the_scatter_of_seeds_is_no_regime() -> None:
    assert regime_at(-0.32, 0.14) == "feature-learning"
    assert regime_at(-0.5, 0.14) == "lazy"
