"""Whether a hyperparameter is free of another one or an axis."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.entangle import judge
from mutransfer_cli.probes.estimates.pair_judgement import Pair
from mutransfer_cli.probes.probe_run import ProbeResult
from mutransfer_cli.surface.observation import Observation

CHEAP, DEAR, UNKNOWN = (1e-4, 0.0, 0.004), (0.02, 0.01, 0.04), (0.004, 0.0, 0.02)


@pytest.mark.parametrize(
    ("value", "cost", "verdict"),
    [
        ((0.0, -0.2, 0.2), UNKNOWN, "free"),
        ((0.0, -0.3, 0.2), CHEAP, "free"),
        ((0.0, -0.3, 0.2), UNKNOWN, "undecided"),
        ((0.0, -0.3, 0.2), None, "undecided"),
        ((0.0, -0.3, 0.6), CHEAP, "undecided"),  # it may move by far more than what counts
        ((0.3, 0.1, 0.4), CHEAP, "undecided"),  # it certainly moves
        ((0.3, 0.1, 0.4), DEAR, "entangled"),
        ((-0.3, -0.4, -0.1), DEAR, "entangled"),
        ((0.2, -0.1, 0.4), DEAR, "undecided"),
        ((0.6, 0.3, 0.9), CHEAP, "entangled"),
        ((0.1, 0.05, 0.2), DEAR, "free"),  # by the drift alone, whatever a long ladder adds up
    ],
)
def test_cost_decides_what_the_optimum_leaves_open(
    value: tuple[float, float, float], cost: tuple[float, float, float] | None, verdict: str
) -> None:
    """At a tolerance of 0.5 %."""
    pair = Pair("lr", "width", True, interval(value), interval(cost) if cost else None, 0.005)
    found = "entangled" if pair.entangled else "free" if pair.free else "undecided"
    assert found == verdict
    if verdict == "free" and cost == CHEAP:
        assert "free to within 0.40% of the loss at the largest rung" in str(pair)


def interval(numbers: tuple[float, float, float]) -> Interval:
    value, low, high = numbers
    return Interval(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("value", "needed"),
    [
        # 0.04 + 0.31 has to shrink to 0.04 + 0.21: (0.31 / 0.21)² = 2.18 times three seeds
        ((0.04, -0.16, 0.35), 7),
        ((-0.04, -0.35, 0.16), 7),
        # of the bounds -0.5 and 0.35 the lower one is further out: (0.55 / 0.3)² · 3 = 10.08
        ((0.05, -0.5, 0.35), 11),
        # entangled once 0.5 less the half-width exceeds 0.25: (0.5 / 0.25)² · 3
        ((0.5, 0.0, 0.9), 12),
        ((-0.5, -0.9, 0.0), 12),
        ((0.25, 0.0, 0.5), None),
        ((0.24, 0.0, 0.5), None),  # 676 times as many
    ],
)
def test_seeds_that_decide(value: tuple[float, float, float], needed: int | None) -> None:
    pair = Pair("lr", "width", True, interval(value))
    assert pair.seeds_needed(3) == needed


def planted(drift: float, seed: int, noise: float = 2e-3) -> ProbeResult:
    """Log losses ½ · 0.01 (x - drift z)² - 0.1 z over three widths, with three seeds."""
    rng = np.random.default_rng(seed)
    runs = [
        Observation(
            2 ** (5 + z),
            2.0 ** (x - 8),
            s,
            2 * float(np.exp(0.005 * (x - drift * (z - 1)) ** 2 - 0.1 * z + noise * rng.normal())),
        )
        for z in range(3)
        for x in range(-3, 4)
        for s in range(3)
    ]
    return judge(fit_study(runs, confidence=0.95))


def test_drift_is_never_free_and_none_never_entangled() -> None:
    """The cost of a drift of an octave per doubling is 2 % of the loss, that of 0.1 is 0.02 %."""
    for seed in range(4):
        assert planted(0.0, seed).verdict == "pass"
        assert planted(-1.0, seed).verdict == "fail"
        assert planted(0.5, seed).verdict in ("fail", "inconclusive")


def test_what_to_run_is_said_where_nothing_decides() -> None:
    result = planted(-0.4, 1, noise=0.02)
    assert result.verdict == "inconclusive" and result.advice is not None
    assert "seeds instead of 3" in result.advice and "search.seeds: " in result.advice
