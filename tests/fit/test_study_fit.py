"""A study whose ladder grows along several axes, and its document."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from mutransfer_cli.documents.base import as_values
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study_fit import fit, fit_study
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import along, sweep


def test_each_axis_has_its_own_drift() -> None:
    # -1/2 octave per doubling of the depth (η* ∝ L^-1/2), none along the width; they cross at
    # width 64, depth 4
    runs = along("depth", {2: -5.0, 4: -5.5, 8: -6.0}, batch=16, steps=200)
    width = along("width", {32: -5.5, 128: -5.5}, depth=4, batch=16, steps=200)
    found = fit(runs + width)
    assert list(found.axes) == ["width", "depth"]
    drifts = [axis.drift["lr"].value for axis in found.axes.values()]
    assert drifts == pytest.approx([0, -0.5], abs=5e-3)
    assert found.drift == found.axes["width"].drift["lr"]
    assert [(r.width, r.depth) for r in found.rungs] == [
        (32, 4),
        (64, 2),
        (64, 4),
        (64, 8),
        (128, 4),
    ]
    assert found.drift_verdict == "fails"  # along the depth


def test_a_batch_keeps_the_tokens() -> None:
    # η* ∝ √B at a fixed number of examples, with rates as they were run: +1/2 octave per doubling
    runs = [
        replace(o, steps=3200 // (o.batch or 1))
        for o in along("batch", {8: -6.0, 16: -5.5, 32: -5.0}, depth=2)
    ]
    found = fit(runs)
    assert list(found.axes) == ["batch"]
    assert found.axes["batch"].drift["lr"].value == pytest.approx(0.5, abs=5e-3)
    assert found.drift is None and found.verdict == "fails"
    assert found.source_rung is not None
    assert (found.source_rung.batch, found.source_rung.steps) == (32, 100)


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"runs\.csv: holds no finished or diverged trial"):
        fit([], source="runs.csv")


def test_the_document_of_a_drifting_ladder() -> None:
    """Rates, not their logarithms; a size along an axis is called width, as scripts expect."""
    runs = sweep(np.random.default_rng(0), {32: -5.2, 64: -6.2, 128: -7.2}, noise=1e-6)
    found = fit_study(runs, source="runs.csv", confidence=0.9).document()
    assert found.drift is not None
    assert found.drift.value == pytest.approx(-1, abs=5e-3)
    assert (found.verdict, found.confidence, found.source) == ("fails", 0.9, "runs.csv")
    assert found.source_rung is not None and found.source_rung.width == 128
    assert log2(found.hyperparameters["lr"]) == pytest.approx(-7.2, abs=5e-3)
    rates = [log2(r.optimum["lr"].value) for r in found.rungs if r.optimum]
    assert rates == pytest.approx([-5.2, -6.2, -7.2], abs=5e-3)
    values = as_values(found)
    assert [cost["width"] for cost in values["regret"]] == [64, 128]
    assert values["axes"]["width"]["line"]["width"] == pytest.approx(64, rel=0.01)
    assert values["regret"] == values["axes"]["width"]["regret"]


def test_everything_diverged() -> None:
    found = fit([Observation(w, 2.0**x, 0, None) for w in (32, 64) for x in (-5, -4)])
    assert found.verdict == "inconclusive"
    assert found.source_rung is None and found.hyperparameters == {}


def test_the_best_of_what_else_was_searched_is_part_of_the_optimum() -> None:
    runs = [
        Observation(64, 2.0**x, s, 2 + (x + 6) ** 2 + (std - 2) ** 2, params={"std": std})
        for x in range(-9, -2)
        for std in (1.0, 2.0)
        for s in (0, 1)
    ]
    found = fit(runs)
    (rung,) = found.rungs
    assert rung.optimum is not None and rung.optimum["std"].value == 2.0
    assert rung.optimum["std"].low is None
    assert found.hyperparameters["std"] == 2.0


def test_the_recommended_rung_is_found_among_rungs_of_its_width() -> None:
    """The largest depth has no optimum; three rungs have the source's width."""
    runs = along("depth", {2: -5.0, 4: -5.5, 8: -12.0}, batch=16, steps=200)
    found = fit(runs)
    assert found.source_rung is not None and found.source_rung.depth == 4
    rung = found.recommended
    assert rung is not None and rung.depth == 4 and rung.optimum is not None
    assert rung.optimum["lr"].value == pytest.approx(found.hyperparameters["lr"], rel=0.01)
    assert fit([Observation(32, 0.1, 0, None)]).recommended is None
