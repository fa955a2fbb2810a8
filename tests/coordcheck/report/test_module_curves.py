"""Curves of the classical coordinate check, from measurements made up for the purpose."""

from __future__ import annotations

import pytest

from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.report.module_curves import means_by_size, module_curves


def measured(size: int, change: float = 1.0, seed: int = 0) -> Measurement:
    """Activations grow as √size; the two seeds differ by 0.2."""
    level = 1 + 0.2 * seed
    return Measurement(
        size,
        activations={"": level * size**0.5, "first": 1.0},
        changes={"": change, "first": 1.0},
    )


def test_a_curve_has_the_mean_of_the_seeds_and_its_slope() -> None:
    model, first = module_curves([measured(n, n, s) for n in (64, 16) for s in (0, 1)])
    assert model.name == "(model)" and first.name == "first"
    assert model.init == {16: pytest.approx(1.1 * 4), 64: pytest.approx(1.1 * 8)}
    assert list(model.init) == [16, 64]
    assert model.init_slope is not None and model.init_slope.value == pytest.approx(0.5)
    assert model.change_slope is not None and model.change_slope.value == pytest.approx(1.0)
    assert model.init_slope.expected is None  # shown, not judged
    assert first.init_slope is not None and first.init_slope.value == pytest.approx(0.0)


def test_a_module_without_a_measurement_at_some_size_has_no_curve() -> None:
    small, large = measured(16), measured(64)
    del large.changes["first"]
    assert [curve.name for curve in module_curves([small, large])] == ["(model)"]
    broken = measured(64, float("nan"))
    assert [curve.name for curve in module_curves([small, broken])] == ["first"]


def test_a_module_that_does_not_move_has_no_slope() -> None:
    model, _ = module_curves([measured(16, 0.0), measured(64, 0.0)])
    assert model.change_slope is None and model.init_slope is not None
    assert means_by_size([measured(16, 0.0)], lambda m: m.changes[""]) == {16: 0.0}
