"""Proxies that are advised, and those that are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.fit.study.surface_fit import study_surface
from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.fit.transfer.proxy_advice import candidate_sizes, proxy_advice
from tests.helpers.quadratic_ladders import CURVATURE, ladder


def test_without_drift_the_smallest_proxy_suffices() -> None:
    advice = proxy_advice(study_surface(ladder([-8.0] * 4)), {"width": 512.0}, 0.005)
    (advised,) = [a for a in advice if a.advised]
    assert advised.sizes == {"width": 32.0} and advised is advice[0]
    # (32/512)² of a target run for each of 18 trials
    assert advised.trial_cost == pytest.approx(1 / 256)
    assert advised.cost == pytest.approx(18 / 256) and advised.trials == 18


def test_with_drift_only_a_near_proxy_does() -> None:
    # half an octave per doubling: k doublings below the target cost a/2 (k/2)²: .25 % at k = 1,
    # 1 % at k = 2; the line may bend, so that the promise at k = 1 is .51 %
    fitted = study_surface(ladder([-8 - 0.5 * z for z in range(4)]))
    advice = proxy_advice(fitted, {"width": 512.0}, 0.006)
    (advised,) = [a for a in advice if a.advised]
    assert advised.sizes == {"width": 256.0}
    assert advised.regret.value == pytest.approx(CURVATURE / 2 * 0.25, rel=0.25)
    assert not any(a.advised for a in proxy_advice(fitted, {"width": 512.0}, 0.001))


def test_dearer_proxies_promise_more() -> None:
    fitted = study_surface(ladder([-8 - 0.5 * z for z in range(4)]))
    advice = proxy_advice(fitted, {"width": 1024.0}, 0.005)
    costs = [a.cost for a in advice]
    promises = [a.regret.high or 0.0 for a in advice]
    assert costs == sorted(costs) and promises == sorted(promises, reverse=True)


def test_a_longer_target_of_which_the_ladder_says_nothing_promises_little() -> None:
    runs = [replace(o, batch=8, steps=100) for o in ladder([-8.0] * 4)]
    fitted = study_surface(runs)
    same = proxy_advice(fitted, {"width": 512.0, "batch": 8.0, "steps": 100.0}, 0.005)
    longer = proxy_advice(fitted, {"width": 512.0, "batch": 8.0, "steps": 1600.0}, 0.005)
    assert any(a.advised for a in same) and not any(a.advised for a in longer)
    assert longer[0].sizes["steps"] == 100.0


def test_sizes_on_offer_are_halvings_of_the_target() -> None:
    fitted = study_surface(ladder([-8.0] * 4))
    widths = [s["width"] for s in candidate_sizes(fitted, {"width": 512.0})]
    assert widths == [256, 128, 64, 32]
    assert [s["width"] for s in candidate_sizes(fitted, {"width": 768.0})] == [384, 192, 96, 48]


def test_training_length_is_halved_in_examples() -> None:
    runs = [
        replace(o, batch=8, steps=100 * 2**z)
        for z in range(4)
        for o in ladder([-8.0] * 4)
        if o.width == 32 * 2**z
    ]
    sizes = candidate_sizes(study_surface(runs), {"width": 512.0, "batch": 8.0, "steps": 1600.0})
    assert {s["steps"] for s in sizes} == {100, 200, 400, 800, 1600}
    assert {s["batch"] for s in sizes} == {8}
    assert len(sizes) == 24  # five widths times five lengths, the target itself left out


def test_advice_needs_a_target() -> None:
    runs = ladder([-8.0] * 3)
    with pytest.raises(InputError, match="--advise: for which target"):
        fit_study(runs).advice()
    question = Question(target=lambda rungs: {"width": 512.0}, tolerance=0.01)
    assert fit_study(runs, question=question).advice()[0].advised
