"""Why there is no verdict, in words."""

from __future__ import annotations

from dataclasses import replace

from mutransfer_cli.fit.decision.obstacles import no_optimum
from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer

LOW = "the best learning rate is at the low end of the range; run lower ones, such as 0.001"
LAW = "`mutransfer law --form optimum` makes a law"


def rung(width: float, note: str, points: int = 5) -> RungAnswer:
    """A rung without an optimum."""
    return RungAnswer(
        sizes={"width": width},
        optimum=None,
        unresolved={"lr": note},
        at_end={},
        loss=2.0,
        points=points,
        censored=0,
        pruned=0,
        seeds=1,
    )


def test_one_reason_for_all_rungs_is_said_once() -> None:
    reason = no_optimum([rung(64.0, LOW), rung(128.0, LOW), rung(256.0, LOW)])
    assert reason == f"no rung has an optimum inside its range: {LOW}"


def test_several_reasons_name_their_rungs() -> None:
    reason = no_optimum([rung(64.0, LOW), rung(128.0, LOW), rung(256.0, "no run finished")])
    assert f": at width 64 and 128, {LOW}; at width 256, no run finished" in reason


def test_a_law_of_single_runs_needs_rates_that_differ() -> None:
    single = [rung(64.0, "one rate", 1), rung(128.0, "one rate", 1)]
    assert LAW in no_optimum(single, rates=2)
    assert LAW not in no_optimum(single, rates=1)
    assert LAW not in no_optimum([rung(64.0, LOW), rung(128.0, LOW)], rates=7)


def test_steps_that_alone_differ_may_be_a_result() -> None:
    """Runs of a fixed time have each their own number of steps."""
    single = rung(64.0, "one rate", 1)
    by_steps = [replace(single, sizes={"width": 64.0, "steps": s}) for s in (2048.0, 2512.0)]
    assert "--columns ignore=steps" in no_optimum(by_steps, rates=2)
    by_width = [rung(64.0, "one rate", 1), rung(128.0, "one rate", 1)]
    assert "ignore=steps" not in no_optimum(by_width, rates=2)
