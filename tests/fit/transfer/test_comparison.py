"""Two studies at equal compute, where one is better, or neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.study.surface_fit import study_surface
from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.fit.transfer.comparison import Comparison, compare
from mutransfer_cli.fit.transfer.conclusion import better_side
from mutransfer_cli.interval import Interval
from tests.helpers.quadratic_ladders import ladder

NAMES = ("mup", "sp")


@pytest.fixture(scope="module")
def still() -> StudySurface:
    return study_surface(ladder([-8.0] * 4))


@pytest.fixture(scope="module")
def drifting() -> StudySurface:
    return study_surface(ladder([-8 - z for z in range(4)], seed=1))


def both(this: StudySurface, other: StudySurface) -> Comparison:
    return compare(this, other, None, NAMES)


def inside(value: float, found: Interval | None) -> bool:
    assert found is not None and found.low is not None and found.high is not None
    return found.low <= value <= found.high


def test_a_parameterization_that_transfers_pays_while_tuning_is_scarce(
    still: StudySurface, drifting: StudySurface
) -> None:
    found = both(still, drifting)
    affordable = [p for p in found.curve if p.this.direct is None]
    assert affordable and all(p.better == "this" for p in affordable)
    # at the next smaller rung the other's optimum is an octave off: e^(a/2) - 1 = 1 %
    assert found.curve[4].difference is not None and found.curve[4].difference.value < -0.005
    assert inside(found.curve[4].difference.value, found.curve[4].regret_difference)
    # both are tuned at the target in the end, where their losses are the same
    last = found.curve[-1].difference
    assert last is not None and abs(last.value) < 0.002
    assert found.conclusion.startswith("mup is better than sp at")
    assert inside(0.0, found.differences.loss)


def test_the_sides_can_be_exchanged(still: StudySurface, drifting: StudySurface) -> None:
    found = both(drifting, still)
    assert "sp is better than mup" in found.conclusion
    assert found.reasons["asymptotic_penalty"].startswith("mup: ")
    assert found.differences.asymptotic_penalty is None


def test_equal_ladders_show_that_neither_pays(still: StudySurface) -> None:
    other = study_surface(ladder([-8.0] * 4, seed=2))
    found = both(still, other)
    assert "at every budget: neither pays more than the other here" in found.conclusion
    for name in ("fit_error", "robustness", "asymptotic_penalty", "loss"):
        assert inside(0.0, getattr(found.differences, name))
    # to a thousandth of that the intervals are too wide
    strict = compare(still, other, None, NAMES, tolerance=5e-6)
    assert strict.conclusion.startswith("no budget shows which is better")


def test_a_lower_loss_is_better_at_every_budget(still: StudySurface) -> None:
    # lower by .05 in log loss everywhere: e^.05 - 1 = 5.1 %
    better = study_surface(ladder([-8.0] * 4, lower=0.05, seed=3))
    found = both(still, better)
    assert found.conclusion == "sp is better than mup at every budget: mup does not pay here"
    assert all(inside(0.0, p.regret_difference) for p in found.curve)
    assert found.differences.loss is not None
    assert found.differences.loss.value == pytest.approx(0.0513, abs=0.003)


def test_budgets_count_the_trials_of_both_sides(still: StudySurface) -> None:
    found = both(still, still)
    # from four trials at width 32 to 32 at 256, the target: (32/256)² = 1/64
    assert found.curve[0].relative == pytest.approx(4 / 64)
    assert found.curve[-1].relative == pytest.approx(32)
    assert found.curve[0].this.trials == 4 and found.curve[0].this.direct is None
    assert found.curve[0].this.proxy == {"width": 32.0}
    assert found.target == {"width": 256.0}


def test_the_same_search_is_needed_on_both_sides(still: StudySurface) -> None:
    runs = [replace(o, params={"init": s}) for o in ladder([-8.0] * 3) for s in (0.5, 1.0, 2.0)]
    with pytest.raises(InputError, match="--against: mup varies lr, sp varies init, lr"):
        both(still, study_surface(runs))


def test_two_rungs_have_no_loss_beyond_them(still: StudySurface) -> None:
    short = study_surface(ladder([-8.0] * 2))
    found = compare(short, still, {"width": 1024.0}, NAMES)
    assert found.differences.loss is None and "needs 3 rungs" in found.reasons["loss"]
    assert all(p.better is None for p in found.curve)
    assert all(p.difference is None and p.regret_difference for p in found.curve)
    assert found.conclusion == "the losses at the target cannot be compared"
    assert better_side(found.curve[0].regret_difference) is None


def test_the_document_holds_the_other_fit() -> None:
    this = fit_study(ladder([-8.0] * 3), source="mup")
    other = fit_study(ladder([-8.0, -8.5, -9.0]), source="sp")
    found = this.against(other)
    assert found.fit.source == "sp" and found.fit.against is None
    assert found.target.width == 128 and "width^2" in found.unit
