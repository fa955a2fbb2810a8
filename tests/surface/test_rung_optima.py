"""Optima, intervals, drift and regret against curves whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import log2
from pathlib import Path

import numpy as np
import pytest

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.fit_file import extrapolate, read_fit, write_fit
from mutransfer_cli.fit.study_fit import fit
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import sweep


def exact(optima: dict[int, float], **options: float) -> FitDocument:
    """A sweep whose only noise is far below the curvature."""
    return fit(sweep(np.random.default_rng(0), optima, noise=1e-6, **options))  # type: ignore[arg-type]


def test_vertex_of_a_parabola() -> None:
    # losses 9, 4, 1, 0, 1 at t = -3..1 about -6: (x + 6)², so the vertex is -6
    runs = [Observation(64, 2.0**x, s, 1 + (x + 6) ** 2) for x in range(-9, -3) for s in (0, 1)]
    (rung,) = fit(runs).rungs
    assert rung.optimum is not None
    assert log2(rung.optimum["lr"].value) == pytest.approx(-6, abs=1e-9)
    assert rung.loss == pytest.approx(1.0)


def test_drift_of_sp_is_recovered() -> None:
    # η* ∝ width⁻¹: one octave down per doubling
    found = exact({32: -5.2, 64: -6.2, 128: -7.2})
    assert found.drift is not None
    assert found.drift.value == pytest.approx(-1, abs=1e-3)
    assert found.verdict == "fails"
    assert found.source_rung is not None and found.source_rung.width == 128
    assert log2(found.hyperparameters["lr"]) == pytest.approx(-7.2, abs=1e-3)
    there = extrapolate(found, 1024)
    assert there is not None
    assert log2(there.value) == pytest.approx(-10.2, abs=1e-2)


def test_regret_is_the_parabola_s() -> None:
    # 0.035·1² above a lowest loss of 2.2 + 3/64, for an optimum one octave away
    found = exact({32: -5.5, 64: -6.5})
    (cost,) = found.regret
    assert cost.value == pytest.approx(0.035 / (2.2 + 3 / 64), rel=0.02)
    assert cost.low is not None and cost.high is not None and cost.low <= cost.value <= cost.high


def test_constant_optimum_holds() -> None:
    found = fit(sweep(np.random.default_rng(1), {32: -6.1, 64: -6.1, 128: -6.1}))
    assert found.verdict == "holds", found.reason


def test_an_optimum_at_the_edge_is_refused() -> None:
    found = exact({32: -9.5, 64: -2.4, 128: -6.0})
    low, high, inside = found.rungs
    assert low.at_edge and low.optimum is None and "low end" in (low.note or "")
    assert high.at_edge and high.optimum is None and "high end" in (high.note or "")
    assert inside.optimum is not None
    assert found.verdict == "inconclusive"
    assert found.source_rung is not None and found.source_rung.width == 128


def test_divergence_is_censored_and_never_a_loss() -> None:
    found = exact({32: -6.0, 64: -6.0, 128: -6.0}, diverges_above=-5.0)
    for rung in found.rungs:
        assert rung.censored == 2  # -4 and -3
        assert rung.points == 5
        assert rung.optimum is not None
        assert log2(rung.optimum["lr"].value) == pytest.approx(-6, abs=1e-3)


def test_one_divergent_seed_censors_its_rate() -> None:
    runs = sweep(np.random.default_rng(0), {64: -6.0}, noise=1e-6)
    spoiled = [
        Observation(r.width, r.lr, r.seed, None) if r.lr == 2.0**-4 and r.seed else r for r in runs
    ]
    (rung,) = fit(spoiled).rungs
    assert (rung.points, rung.censored) == (6, 1)


def without(runs: list[Observation], lost: Mapping[float, bool]) -> list[Observation]:
    """Rates that some seed lost: pruned, or else diverged."""
    return [
        replace(r, loss=None, pruned=lost[r.lr]) if r.lr in lost and r.seed == 1 else r
        for r in runs
    ]


def test_pruned_rates_are_left_out_and_are_no_divergence() -> None:
    """At one end or both, of one seed or all, the optimum and its interval stay."""
    runs = sweep(np.random.default_rng(0), {32: -6.0, 64: -6.2}, noise=0.01)
    whole = fit(runs)
    pruned = fit(without(runs, {2.0**-9: True, 2.0**-3: True}))
    for a, b in zip(whole.rungs, pruned.rungs, strict=True):
        assert a.optimum is not None and a.optimum == b.optimum
        assert (b.points, b.pruned, b.censored) == (5, 2, 0)
    assert pruned.drift == whole.drift
    (rung,) = fit(without(sweep(np.random.default_rng(0), {64: -3.0}), {2.0**-9: True})).rungs
    assert rung.at_edge and "high end" in (rung.note or "")  # a low rate is no cliff above it
    # the controls: what diverged is one, also where another seed was pruned
    low = without(runs, {2.0**-9: False})
    assert [r.censored for r in fit(low).rungs] == [1, 1]
    both = [replace(r, loss=None, pruned=r.seed == 1) if r.lr == 2.0**-3 else r for r in runs]
    assert [(r.censored, r.pruned) for r in fit(both).rungs] == [(1, 0)] * 2


def test_regret_at_a_pruned_rate_says_so() -> None:
    runs = sweep(np.random.default_rng(0), {32: -8.0, 64: -5.0}, noise=0.01)
    assert fit(runs).regret[0].value is not None
    far = [
        replace(r, loss=None, pruned=True) if r.width == 64 and r.lr < 2.0**-7 else r for r in runs
    ]
    (cost,) = fit(far).regret
    assert cost.value is None and "pruned" in (cost.note or "")


def test_best_next_to_divergence_is_not_an_optimum() -> None:
    (rung,) = exact({64: -4.0}, diverges_above=-5.0).rungs
    assert rung.optimum is None
    assert not rung.at_edge
    assert "divergence" in (rung.note or "")


def test_a_cliff_above_the_optimum_is_kept_out_of_the_window() -> None:
    # (x + 6)² up to -5, then a rate at which training nearly diverges: the vertex stays at -6.3
    def loss(x: int) -> float:
        return (x + 6.3) ** 2 if x < -4 else 80.0

    runs = [Observation(64, 2.0**x, s, loss(x)) for x in range(-9, -2) for s in (0, 1)]
    (rung,) = fit(runs).rungs
    assert rung.optimum is not None
    assert log2(rung.optimum["lr"].value) == pytest.approx(-6.3, abs=1e-9)
    # and where the cliff stands next to the best, there is no optimum to quote
    steep = [Observation(64, 2.0**x, s, loss(x)) for x in (-9, -8, -7, -6, -4) for s in (0, 1)]
    (rung,) = fit(steep).rungs
    assert rung.optimum is None
    assert rung.note is not None and "too close to divergence" in rung.note


def test_rungs_are_compared_at_one_setting() -> None:
    """The optimum differs between settings; noise decides which is best at a width."""
    runs = []
    for width, favoured in ((32, 1.0), (64, 2.0)):
        for scale, optimum in ((1.0, -6.0), (2.0, -7.0)):
            level = 1.0 if scale == favoured else 1.0 + (0.001 if width == 32 else 0.002)
            for x in range(-10, -2):
                value = level + 0.03 * (x - optimum) ** 2
                runs += [
                    Observation(width, 2.0**x, s, value, params={"scale": scale}) for s in (0, 1)
                ]
    found = fit(runs)
    assert [r.optimum["scale"].value for r in found.rungs if r.optimum] == [2.0, 2.0]
    assert found.drift is not None and found.drift.value == pytest.approx(0.0, abs=1e-9)


def test_everything_diverged() -> None:
    found = fit([Observation(w, 2.0**x, 0, None) for w in (32, 64) for x in (-5, -4)])
    assert found.verdict == "inconclusive"
    assert found.source_rung is None


def test_flat_noise_is_not_resolved() -> None:
    rng = np.random.default_rng(3)
    runs = [
        Observation(64, 2.0**x, s, 2 + rng.normal(0, 0.01)) for x in range(-9, -2) for s in (0, 1)
    ]
    (rung,) = fit(runs).rungs
    assert rung.optimum is None


def test_other_hyperparameters_take_their_best() -> None:
    runs = [
        Observation(64, 2.0**x, 0, 2 + (x + 6) ** 2 + 0.5 * (std - 2) ** 2, params={"std": std})
        for x in range(-9, -2)
        for std in (1.0, 2.0, 4.0)
    ]
    runs = [Observation(o.width, o.lr, s, o.loss, params=o.params) for o in runs for s in (0, 1)]
    found = fit(runs)
    assert found.hyperparameters["std"] == 2.0


def along(axis: str, optima: dict[int, float], **fixed: int) -> list[Observation]:
    """A sweep whose rungs differ along one axis alone."""
    runs = sweep(np.random.default_rng(3), optima, noise=1e-6)
    return [replace(o, **{"width": 64, **fixed, axis: o.width}) for o in runs]


def test_each_axis_has_its_own_drift() -> None:
    # -1/2 octave per doubling of the depth (η* ∝ L^-1/2), none along the width; they cross at
    # width 64, depth 4
    runs = along("depth", {2: -5.0, 4: -5.5, 8: -6.0}, batch=16, steps=200)
    width = along("width", {32: -5.5, 128: -5.5}, depth=4, batch=16, steps=200)
    found = fit(runs + width)
    assert list(found.axes) == ["width", "depth"]
    drifts = [a.drift.value for a in found.axes.values() if a.drift]
    assert drifts == pytest.approx([0, -0.5], abs=1e-3)
    assert found.drift == found.axes["width"].drift
    assert {(r.width, r.depth) for r in found.rungs} == {
        (32, 4),
        (64, 4),
        (128, 4),
        (64, 2),
        (64, 8),
    }
    assert found.verdict == "fails" and "depth fails" in found.reason
    assert "width holds" in found.reason


def test_a_batch_keeps_the_tokens() -> None:
    # η* ∝ √B at a fixed number of examples, with rates as they were run: +1/2 octave per doubling
    runs = [
        replace(o, steps=3200 // (o.batch or 1))
        for o in along("batch", {8: -6.0, 16: -5.5, 32: -5.0}, depth=2)
    ]
    found = fit(runs)
    assert list(found.axes) == ["batch"]
    drift = found.axes["batch"].drift
    assert drift is not None and drift.value == pytest.approx(0.5, abs=1e-3)
    assert found.drift is None and found.verdict == "fails"


def test_rungs_on_no_common_axis_are_refused() -> None:
    runs = [Observation(32 * d, 0.01, 0, 2.0, depth=d) for d in (2, 4)]
    with pytest.raises(
        InputError, match=r"runs\.csv: no two of its rungs differ along a single axis"
    ):
        fit(runs, source="runs.csv")


def test_round_trip(tmp_path: Path) -> None:
    found = exact({32: -6.0, 64: -6.2})
    write_fit(found, tmp_path / "fit.json")
    assert read_fit(tmp_path / "fit.json") == found
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(InputError, match=r"fit\.json: not a fit"):
        read_fit(tmp_path / "fit.json")
