"""The optimum of a rung on curves whose truth is known, and why there is none elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.surface.curves.ladder_fit import fit_ladder
from mutransfer_cli.surface.curves.rung_optima import fit_rungs, rung_fits
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import exact, only_rung, sweep


def test_vertex_of_a_parabola() -> None:
    # losses 9, 4, 1, 0, 1 at t = -3..1 about -6: (x + 6)², so the vertex is -6
    runs = [Observation(64, 2.0**x, s, 1 + (x + 6) ** 2) for x in range(-9, -3) for s in (0, 1)]
    rung = only_rung(runs)
    assert rung.optimum is not None
    assert rung.optimum.value == pytest.approx(-6, abs=1e-9)
    assert rung.loss == pytest.approx(1.0)


def test_an_optimum_at_the_edge_is_refused() -> None:
    found = exact({32: -9.5, 64: -2.4, 128: -6.0})
    low, high, inside = found.rungs.values()
    assert low.at_edge and low.optimum is None and "low end" in (low.note or "")
    assert high.at_edge and high.optimum is None and "high end" in (high.note or "")
    assert inside.optimum is not None
    assert found.verdict == "inconclusive"
    assert found.source == 128


def test_divergence_is_censored_and_never_a_loss() -> None:
    found = exact({32: -6.0, 64: -6.0, 128: -6.0}, diverges_above=-5.0)
    assert len(found.rungs) == 3
    for rung in found.rungs.values():
        assert rung.censored == 2  # -4 and -3
        assert rung.points == 5
        assert rung.optimum is not None
        assert rung.optimum.value == pytest.approx(-6, abs=1e-3)


def test_one_divergent_seed_censors_its_rate() -> None:
    runs = sweep(np.random.default_rng(0), {64: -6.0}, noise=1e-6)
    spoiled = [
        Observation(r.width, r.lr, r.seed, None) if r.lr == 2.0**-4 and r.seed else r for r in runs
    ]
    rung = only_rung(spoiled)
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
    whole = fit_ladder(runs)
    pruned = fit_ladder(without(runs, {2.0**-9: True, 2.0**-3: True}))
    for a, b in zip(whole.rungs.values(), pruned.rungs.values(), strict=True):
        assert a.optimum is not None and a.optimum == b.optimum
        assert (b.points, b.pruned, b.censored) == (5, 2, 0)
    assert whole.line is not None and pruned.line is not None
    assert pruned.line.drift == whole.line.drift
    rung = only_rung(without(sweep(np.random.default_rng(0), {64: -3.0}), {2.0**-9: True}))
    assert rung.at_edge and "high end" in (rung.note or "")  # a low rate is no cliff above it
    # the controls: what diverged is one, also where another seed was pruned
    low = without(runs, {2.0**-9: False})
    assert [r.censored for r in fit_ladder(low).rungs.values()] == [1, 1]
    both = [replace(r, loss=None, pruned=r.seed == 1) if r.lr == 2.0**-3 else r for r in runs]
    assert [(r.censored, r.pruned) for r in fit_ladder(both).rungs.values()] == [(1, 0)] * 2


def test_best_next_to_divergence_is_not_an_optimum() -> None:
    (rung,) = exact({64: -4.0}, diverges_above=-5.0).rungs.values()
    assert rung.optimum is None
    assert not rung.at_edge
    assert "divergence" in (rung.note or "")


def test_a_cliff_above_the_optimum_is_kept_out_of_the_window() -> None:
    # (x + 6)² up to -5, then a rate at which training nearly diverges: the vertex stays at -6.3
    def loss(x: int) -> float:
        return (x + 6.3) ** 2 if x < -4 else 80.0

    runs = [Observation(64, 2.0**x, s, loss(x)) for x in range(-9, -2) for s in (0, 1)]
    rung = only_rung(runs)
    assert rung.optimum is not None
    assert rung.optimum.value == pytest.approx(-6.3, abs=1e-9)
    # and where the cliff stands next to the best, there is no optimum to quote
    steep = [Observation(64, 2.0**x, s, loss(x)) for x in (-9, -8, -7, -6, -4) for s in (0, 1)]
    rung = only_rung(steep)
    assert rung.optimum is None
    assert rung.note is not None and "too close to divergence" in rung.note


def test_rungs_are_compared_at_one_setting() -> None:
    """The optimum differs between settings; noise decides which is best at a width."""
    runs = []
    for width, favored in ((32, 1.0), (64, 2.0)):
        for scale, optimum in ((1.0, -6.0), (2.0, -7.0)):
            level = 1.0 if scale == favored else 1.0 + (0.001 if width == 32 else 0.002)
            for x in range(-10, -2):
                value = level + 0.03 * (x - optimum) ** 2
                runs += [
                    Observation(width, 2.0**x, s, value, params={"scale": scale}) for s in (0, 1)
                ]
    found = fit_ladder(runs)
    assert [r.curve.setting for r in found.rungs.values() if r.optimum and r.curve] == [
        {"scale": 2.0},
        {"scale": 2.0},
    ]
    assert found.line is not None and found.line.drift.value == pytest.approx(0.0, abs=1e-9)


def test_flat_noise_is_not_resolved() -> None:
    rng = np.random.default_rng(3)
    runs = [
        Observation(64, 2.0**x, s, 2 + rng.normal(0, 0.01)) for x in range(-9, -2) for s in (0, 1)
    ]
    assert only_rung(runs).optimum is None


def test_what_a_sampler_needs_to_know() -> None:
    """Narrower than in a fit (90 %); a curve with a kink has a lack of fit, few rates no window."""
    bowl = sweep(np.random.default_rng(0), {64: -6.0}, noise=0.004, seeds=3)
    kink = [replace(o, loss=abs(np.log2(o.lr) + 6.2) + (o.loss or 0) / 100) for o in bowl]
    fits = rung_fits({"bowl": bowl, "kink": kink, "few": bowl[:3], "lost": [
        replace(o, loss=None) for o in bowl
    ]})  # fmt: skip
    assert (fits["bowl"].lack_of_fit, fits["bowl"].has_window) == (False, True)
    assert (fits["kink"].lack_of_fit, fits["kink"].has_window) == (True, True)
    assert (fits["few"].has_window, fits["lost"].has_window) == (False, False)
    wide, narrow = fit_rungs({64: bowl}, 0.95).rungs[64], rung_fits({64: bowl})[64]
    assert wide.optimum is not None and narrow.optimum is not None
    assert narrow.optimum.half_width < wide.optimum.half_width
    assert rung_fits({}) == {}
